"""What lines of a rollout mean: forks, resets, old and new versions in one file."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.usage import codex_lines as lines

from agentos.usage.reading.entry import Entry, Problem
from agentos.usage.reading.work import Format, Job, Place, read

PARENT = "01a1fc32-0000-7000-8000-000000000001"
OLD_TURN = "01a1fc32-1000-7000-8000-000000000002"
FORK = "01a1fc47-0000-7000-8000-000000000003"
NEW_TURN = "01a1fc47-1000-7000-8000-000000000004"


@pytest.fixture
def rollout(tmp_path: Path) -> Path:
    return tmp_path / f"rollout-2026-11-21T10-00-00-{FORK}.jsonl"


def told(path: Path, *written: bytes) -> tuple[list[Entry], list[Problem]]:
    path.write_bytes(b"".join(written))
    [piece] = read(Job(str(path), Format.CODEX, Place()))
    return piece.entries, piece.problems


def inputs(entries: list[Entry]) -> list[int]:
    return [entry.input for entry in entries]


def test_a_fork_that_copies_its_history_counts_only_its_own_calls(rollout: Path) -> None:
    entries, problems = told(
        rollout,
        lines.meta(FORK, forked_from_id=PARENT),
        lines.meta(PARENT),
        lines.context(OLD_TURN),
        lines.count((1000, 0, 0, 10, 0)),
        lines.count((3000, 0, 0, 30, 0), (2000, 0, 0, 20, 0)),
        lines.context(NEW_TURN),
        lines.count((3000, 0, 0, 30, 0), (2000, 0, 0, 20, 0)),
        lines.count((3500, 0, 0, 35, 0), (500, 0, 0, 5, 0)),
    )
    assert inputs(entries) == [500]
    assert (entries[0].caller.thread, entries[0].turn) == (FORK, NEW_TURN)
    assert not problems


def test_a_sub_agent_that_was_given_the_history_counts_only_its_own(rollout: Path) -> None:
    entries, _ = told(
        rollout,
        lines.meta(FORK, source={"subagent": {"thread_spawn": {"parent_thread_id": PARENT}}}),
        lines.context(OLD_TURN),
        lines.count((9000, 0, 0, 90, 0)),
        lines.context(NEW_TURN),
        lines.count((9400, 0, 0, 94, 0), (400, 0, 0, 4, 0)),
    )
    assert [(entry.input, entry.caller.kind) for entry in entries] == [(400, "subagent")]


def test_a_fork_of_which_only_the_end_is_left_counts_its_last_call(rollout: Path) -> None:
    entries, _ = told(
        rollout,
        lines.meta(FORK, forked_from_id=PARENT),
        lines.context(NEW_TURN),
        lines.count((12_100, 0, 0, 550, 0), (1130, 0, 0, 50, 0)),
    )
    assert inputs(entries) == [1130]


def test_copies_without_turns_count_as_the_parents(rollout: Path, tmp_path: Path) -> None:
    history = [lines.context(), lines.count((1000, 0, 0, 10, 0))]
    own, _ = told(tmp_path / f"rollout-{PARENT}.jsonl", lines.meta(PARENT), *history)
    copied, _ = told(rollout, lines.meta(FORK, forked_from_id=PARENT), *history)
    assert own[0].identity == copied[0].identity


def test_a_guardian_is_told_apart(rollout: Path) -> None:
    source = {"subagent": {"other": "guardian"}}
    entries, _ = told(rollout, lines.meta(FORK, source=source), lines.record("r", (7, 0, 0, 1, 0)))
    assert entries[0].caller.kind == "guardian"


def test_a_thread_goes_on_in_a_newer_version(rollout: Path) -> None:
    entries, _ = told(
        rollout,
        lines.meta(FORK),
        lines.context(NEW_TURN),
        lines.count((1000, 0, 0, 10, 0)),
        lines.record("resp", (200, 0, 0, 2, 0), (1200, 0, 0, 12, 0)),
        lines.count((1200, 0, 0, 12, 0), (200, 0, 0, 2, 0)),
    )
    assert [(entry.input, entry.confidence) for entry in entries] == [
        (1000, "derived"),
        (200, "exact"),
    ]


def test_a_repeated_or_estimated_count_is_no_call(rollout: Path) -> None:
    entries, _ = told(
        rollout,
        lines.meta(FORK),
        lines.count((1000, 0, 0, 10, 0)),
        lines.count((1000, 0, 0, 10, 0)),
        lines.count((1000, 0, 0, 10, 0), (0, 0, 0, 0, 0)),
        lines.line("event_msg", {"type": "token_count", "info": None}),
    )
    assert inputs(entries) == [1000]


def test_a_total_that_begins_anew_is_followed(rollout: Path) -> None:
    entries, problems = told(
        rollout,
        lines.meta(FORK),
        lines.count((1000, 0, 0, 10, 0)),
        lines.count((700, 0, 0, 7, 0)),
        lines.count((1700, 0, 0, 17, 0), (1000, 0, 0, 10, 0)),
    )
    assert inputs(entries) == [1000, 700, 1000]
    assert len({entry.identity for entry in entries}) == 3
    assert not problems


def test_a_total_that_shrinks_is_reported_and_the_rest_is_right(rollout: Path) -> None:
    entries, problems = told(
        rollout,
        lines.meta(FORK),
        lines.count((1000, 0, 0, 10, 0)),
        lines.count((5, 0, 0, 0, 0), (1, 0, 0, 0, 0)),
        lines.count((1500, 0, 0, 15, 0), (500, 0, 0, 5, 0)),
    )
    assert inputs(entries) == [1000, 500]
    assert [(problem.line, problem.kind) for problem in problems] == [(3, "total_shrank")]


def test_two_threads_with_equal_totals_are_two(tmp_path: Path) -> None:
    made = []
    for thread in (FORK, NEW_TURN):
        name = tmp_path / f"rollout-{thread}.jsonl"
        entries, _ = told(name, lines.meta(thread), lines.count((1000, 0, 0, 10, 0)))
        made.append(entries[0].identity)
    assert made[0] != made[1]


def test_spaces_and_another_order_of_keys_are_read_too(rollout: Path) -> None:
    spaced = lines.record("resp", (200, 0, 0, 2, 0)).replace(b":", b": ").replace(b",", b", ")
    turned = b'{"type":"token_usage_record","timestamp":"2026-11-21T10:00:00Z","payload":' + (
        b'{"response_id":"other","usage":{"input_tokens":5,"output_tokens":1}}}\n'
    )
    spaced = spaced.replace(b"10: 00: 00", b"10:00:00")
    entries, problems = told(rollout, lines.meta(FORK), spaced, turned)
    assert inputs(entries) == [200, 5]
    assert not problems


def test_what_tools_print_is_not_mistaken_for_a_record(rollout: Path) -> None:
    printed = lines.record("resp", (200, 0, 0, 2, 0)).decode()
    entries, problems = told(rollout, lines.meta(FORK), lines.text(printed), lines.text("x"))
    assert not entries
    assert not problems


def test_the_tier_and_provider_of_a_switch_hold_from_the_next_turn(rollout: Path) -> None:
    def settings(model: str) -> bytes:
        told = {"model": model, "model_provider_id": "azure", "service_tier": "priority"}
        payload = {"type": "thread_settings_applied", "thread_settings": told}
        return lines.line("event_msg", payload)

    entries, _ = told(
        rollout,
        lines.meta(FORK),
        lines.context(NEW_TURN, "gpt-5.5"),
        settings("gpt-6-luna"),
        lines.record("compaction", (10, 0, 0, 1, 0)),
        lines.context(NEW_TURN, "gpt-6-luna"),
        lines.record("answer", (20, 0, 0, 1, 0)),
    )
    assert [
        (entry.caller.model, entry.caller.provider, entry.caller.tier) for entry in entries
    ] == [
        ("gpt-5.5", "openai", ""),
        ("gpt-6-luna", "azure", "priority"),
    ]


def test_a_call_without_an_id_is_the_same_wherever_reading_begins(rollout: Path) -> None:
    names = dict.fromkeys(("thread_id", "session_id", "turn_id"), FORK) | {"response_id": ""}
    text = lines.meta(FORK, forked_from_id=PARENT)
    places = [Place()]
    for call in range(1, 5):
        used, total = (10 * call, 0, 0, 1, 0), (1000 + 5 * call * (call + 1), 0, 0, 500 + call, 0)
        payload = {"usage": lines.named(used), "thread_token_usage": lines.named(total)}
        text += lines.line("token_usage_record", {**names, **payload})
        rollout.write_bytes(text)
        [piece] = read(Job(str(rollout), Format.CODEX, places[-1]))
        places.append(piece.place)
        assert inputs(piece.entries) == [10 * call]
    whole = [told(rollout, text)[0]]
    whole += [next(read(Job(str(rollout), Format.CODEX, place))).entries for place in places]
    last = {entries[-1].identity for entries in whole if entries}
    assert last == {f"codex:{FORK}:1100:0:0:504:0"}
