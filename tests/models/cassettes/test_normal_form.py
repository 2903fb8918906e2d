"""What differs from run to run is gone; what differs in meaning stays."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from agentos.errors import ConfigInvalid
from agentos.models.cassettes.normal_form import Rules, normal_form
from agentos.models.cassettes.scrubbing import Scrubber
from agentos.models.upstream import UpstreamRequest, Wire

NO_RULES = Rules()


def form(body: dict[str, Any], rules: Rules = NO_RULES) -> Any:
    request = UpstreamRequest(Wire.RESPONSES, "responses", "m", b"", {"model": "m", **body})
    return normal_form(request, Scrubber(), rules)["body"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (f"id {uuid.uuid4()}", f"id {uuid.uuid4()}"),
        ("at 2026-11-21T10:00:00.123Z", "at 2027-01-02 03:04:05+01:00"),
        ("in /tmp/tmpabcd_efg/x.py", "in /tmp/tmpqwertz12/x.py"),
        ("in /tmp/tmp.gSCVtrdpUb", "in /tmp/tmp.X1YZabcdef"),
        ("/tmp/pytest-of-root/pytest-7/a", "/tmp/pytest-of-ci/pytest-123/a"),
        ("/var/tmp/agentos-test-a1b2c3d4/w", "/var/tmp/agentos-test-z9y8x7w6/w"),
        ("http://127.0.0.1:40123/x", "http://127.0.0.1:50321/x"),
        ("Wall time: 0.0124 seconds", "Wall time: 1.5 seconds"),
        ("Chunk ID: 4ab322", "Chunk ID: 119e98"),
        ("Sat Nov 21 12:00:25 UTC 2026", "Mon Mar  2 01:02:03 CET 2027"),
        ("-rw-r--r-- 1 root root 5 Nov 21 12:00 a", "-rw-r--r-- 1 root root 5 Dec  1 09:30 a"),
        ("<current_date>2026-11-21</current_date>", "<current_date>2027-01-01</current_date>"),
    ],
)
def test_what_differs_from_run_to_run_is_the_same(one: str, other: str) -> None:
    assert form({"input": one}) == form({"input": other})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("do it", "do it twice"),
        ("/tmp/notes.txt", "/tmp/other.txt"),
        ("2 of 10 tests failed", "3 of 10 tests failed"),
        ("http://example.com:8080", "http://example.com:8081"),
    ],
)
def test_what_differs_in_meaning_differs(one: str, other: str) -> None:
    assert form({"input": one}) != form({"input": other})


def test_identities_keep_being_told_apart() -> None:
    a, b = str(uuid.uuid4()), str(uuid.uuid4())
    assert form({"input": [a, b, a]})["input"] == ["<uuid-1>", "<uuid-2>", "<uuid-1>"]
    assert form({"input": [a, b, a]}) != form({"input": [a, b, b]})


def test_points_in_time_are_known_as_numbers_too() -> None:
    def item(create_time: float, started_at_unix_ms: int) -> dict[str, Any]:
        return {"input": [{"create_time": create_time, "started_at_unix_ms": started_at_unix_ms}]}

    assert form(item(1795263134.27, 1795261868570)) == form(item(1795263136.03, 1795261870329))
    assert form({"timeout_ms": 1000}) != form({"timeout_ms": 2000})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ran 3 tests in 0.002s", "Ran 3 tests in 1.009s"),
        ("== 1 passed in 0.12s ==", "== 1 passed in 3.40s =="),
        ("ok (3 ms)", "ok (12 ms)"),
        ("real\t0m0.003s", "real\t0m1.250s"),
        ("Time: 0.345 s", "Time: 0.5 s"),
    ],
)
def test_how_long_a_tool_took_is_not_compared(one: str, other: str) -> None:
    def outputs(text: str) -> list[dict[str, Any]]:
        return [
            {"type": "function_call_output", "output": text},
            {"role": "tool", "content": text},
            {"role": "user", "content": [{"type": "tool_result", "content": [{"text": text}]}]},
        ]

    assert form({"input": outputs(one)}) == form({"input": outputs(other)})
    assert form({"input": one}) != form({"input": other}), "a prompt means what it says"


def test_names_of_sessions_are_left_out() -> None:
    body = {"prompt_cache_key": "x", "client_metadata": {"a": "b"}, "metadata": {"user_id": "u"}}
    assert form(body) == {"model": "m", "metadata": {}}


def test_rules_leave_out_parts_and_mask_texts() -> None:
    rules = Rules(("tools", "reasoning.effort"), (r"build \d+",))
    body = {"tools": [1], "reasoning": {"effort": "low", "x": 1}, "input": "build 17 failed"}
    assert form(body, rules) == {"model": "m", "reasoning": {"x": 1}, "input": "<masked> failed"}


def test_a_bad_mask_is_told() -> None:
    with pytest.raises(ConfigInvalid, match="no regular expression"):
        Rules(mask=("(",))
