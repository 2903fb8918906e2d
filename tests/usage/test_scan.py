"""The program that reads rollouts finds what is found without it, whatever a file holds."""

from __future__ import annotations

import errno
import json
import os
import select
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.usage import codex_lines as lines

from agentos.errors import AgentOsError
from agentos.usage.reading import scan, work
from agentos.usage.reading.codex import CodexRollout
from agentos.usage.reading.entry import MOST_TOKENS
from agentos.usage.reading.job import Format, Job, Piece, Place
from agentos.usage.reading.scan import Scanner, scanning
from agentos.usage.reading.work import read

ROOT = Path(__file__).parents[2]
LONGEST_LINE = 32 << 20


@pytest.fixture(scope="module", params=["as built", "sanitized"])
def scanner(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scanner]:
    """The program, also made so that it stops at the first access that it may not do."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "sanitized":
            patch.syspath_prepend(ROOT)
            from build_native import build

            flags = "-fsanitize=address,undefined -fno-sanitize-recover=all -g"
            patch.setenv("CFLAGS", flags)
            place = tmp_path_factory.mktemp("sanitized") / "agentos-rollouts"
            patch.setattr(scan, "PROGRAM", build(scan.PROGRAM.parent / "rollouts", place))
            patch.delitem(sys.modules, "build_native")
        with scanning() as found:
            assert found
            yield found


def record(number: int, **said: object) -> bytes:
    """Return a record as Codex writes it."""
    used = {**lines.named((1000 + number, 600, 1, 50, 20)), "total_tokens": 1050 + number}
    payload = {
        "thread_id": "t",
        "turn_id": f"turn-{number // 3}",
        "session_id": "s",
        "root_turn_id": "",
        "response_id": f"resp_{number}",
        "usage": used,
        "turn_token_usage": used,
        "thread_token_usage": {**lines.named((10**9 + number, 0, 0, 9, 1)), "total_tokens": 9},
        **said,
    }
    at = f"2026-02-{number % 27 + 1:02}T23:59:5{number % 10}.{number % 1000:03}Z"
    return lines.line("token_usage_record", payload, at)


def echo(number: int) -> bytes:
    """Return the total that follows a record."""
    total = {**lines.named((10**9 + number, 0, 0, 9, 1)), "total_tokens": 9}
    info = {"total_token_usage": total, "last_token_usage": total}
    return lines.line("event_msg", {"type": "token_count", "info": info})


def settings_applied(provider: str) -> bytes:
    told = {"service_tier": "fast", "model_provider_id": provider, "model": "gpt-5.5"}
    return lines.line("event_msg", {"type": "thread_settings_applied", "thread_settings": told})


def with_usage(number: int, **used: object) -> bytes:
    return record(number, usage={**lines.named((1000, 600, 1, 50, 20)), **used})


def ordinal(line: bytes) -> bytes:
    return line.replace(b',"type"', b',"ordinal":7,"type"', 1)


NUMBERS = st.integers(0, 12)
USUAL = st.one_of(
    NUMBERS.map(record),
    NUMBERS.map(lambda number: record(number) + echo(number)),
    NUMBERS.map(lambda number: ordinal(record(number)) + ordinal(echo(number))),
    st.sampled_from("abc").map(lambda turn: lines.context(turn, f"gpt-{turn}")),
    st.sampled_from("ab").map(settings_applied),
    st.just(lines.text("what a tool printed")),
    NUMBERS.map(lambda number: lines.count((10**9 + number, 0, 0, 9, 1))),
    NUMBERS.map(lambda number: lines.count((number, 0, 0, 0, 0))),
    st.just(lines.meta("t")),
)
ODD = [
    b"",
    b"\n",
    b" \t\r\n",
    b"no JSON\n",
    b"{\n",
    b"}\n",
    b"{}\n",
    b"{} \r\n",
    b"\0" * 300 + b"\n",
    b'{"timestamp":"\n',
    b'{"timestamp":"x","ordinal":,"type":"token_count"}\n',
    b'{"type":"turn_context","payload":{"turn_id":"z","model":"gpt-z"}}\n',
    lines.line("something_new", {"a": "token_count"}),
    lines.line("response_items", {}),
    lines.line("token_usage_records", {}),
    lines.line("realtime_item", {}),
    b'{"timestamp":"2026-01-01T00:00:00Z","type":"compact\n',
    b'  {"type": "session_meta"}\n',
    b'{"timestamp":"2026-01-01T00:00:00Z","type":"token_usage_record","payload":{}}\n',
    b'{"timestamp":"2026-01-01T00:00:00Z","type":"token_usage_record","payload":{"usage":{\n',
    record(1).replace(b'"payload"', b'"pay"'),
    record(2)[:-2] + b',"more":1}\n',
    record(3)[:-3] + b',"more":{"in":[1]}}}\n',
    record(4).replace(b"2026-02-", b"2026-13-"),
    record(4).replace(b".004Z", b"Z"),
    record(4).replace(b".004Z", b".0040004Z"),
    record(4).replace(b".004Z", b".004+02:00"),
    record(4).replace(b"2026-02-05", b"2026-02-29"),
    record(4).replace(b"2026-02-05", b"2024-02-29"),
    record(4).replace(b"2026-", b"1999-"),
    record(5, response_id=""),
    record(5, response_id="r" * 200),
    record(5, response_id="r" * 201),
    record(5, response_id="r\u00e9\n\x7f"),
    record(5, response_id=7),
    record(6, thread_id="", session_id="", turn_id=""),
    record(6, turn_id='in "quotes"'),
    record(6, turn_id=None),
    record(6, thread_token_usage=None),
    record(6, thread_token_usage={"input_tokens": 10**14}),
    record(6, thread_token_usage={"input_tokens": 10**30}),
    record(6, thread_token_usage={"k" * 190: 1, **{"k" * 150 + str(n): n for n in range(9)}}),
    record(6, usage=None),
    record(6, usage={}),
    record(7) * 2,
    record(7).replace(b"\n", b"\r\n"),
    b"  " + record(7),
    record(7).rstrip() + record(8),
    record(7).replace(b'":"', b'": "'),
    with_usage(8, input_tokens=-1),
    with_usage(8, input_tokens=MOST_TOKENS),
    with_usage(8, input_tokens=MOST_TOKENS + 1),
    with_usage(8, input_tokens=10**18),
    with_usage(8, input_tokens=1e3),
    with_usage(8, input_tokens=600),
    with_usage(8, reasoning_output_tokens=51),
    with_usage(8, output_tokens="50"),
    record(8).replace(b":1008,", b":01008,"),
    record(8).replace(b'"usage":{', b'"usage":{"input_tokens":1,'),
    lines.text("x" * 600_000),
]
FILES = st.lists(st.one_of(USUAL, USUAL, USUAL, st.sampled_from(ODD)), max_size=25)


def found(place: Path, scanner: Scanner | None, after: Place) -> tuple[list[object], Place]:
    """Return what a reading finds, and where it ends."""
    job = Job(str(place), Format.CODEX, after)
    pieces: list[Piece] = list(read(job, scanner))
    told = [entry for piece in pieces for calls in piece.told for entry in calls.entries()]
    problems = [problem for piece in pieces for problem in piece.problems]
    sums: dict[tuple[object, ...], list[float]] = {}
    for calls in (calls for piece in pieces for calls in piece.told):
        for each in calls.sums:
            key = each.quarter, calls.callers[each.caller_id], each.context, each.priced
            before = sums.setdefault(key, [0] * 10)
            sums[key] = [one + other for one, other in zip(before, each[4:], strict=True)]
    end = asdict(pieces[-1].place)
    end["state"] = json.loads(end["state"] or "{}")
    read_bytes = sum(piece.read for piece in pieces)
    return [sorted(told), sorted(problems, key=repr), sums, end, read_bytes], pieces[-1].place


BEGIN = Place()


def assert_same(place: Path, scanner: Scanner, after: Place = BEGIN) -> Place:
    without, end = found(place, None, after)
    assert found(place, scanner, after)[0] == without
    return end


@given(before=FILES, after=FILES, cut=st.integers(0, 40))
@settings(
    max_examples=400,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_it_finds_what_is_found_without_it(
    scanner: Scanner, tmp_path: Path, before: list[bytes], after: list[bytes], cut: int
) -> None:
    place = tmp_path / "rollout-t.jsonl"
    text = lines.meta("t") + lines.context("a") + b"".join(before)
    place.write_bytes(text[: len(text) - cut])
    end = assert_same(place, scanner)
    place.write_bytes(text + b"".join(after))
    assert_same(place, scanner, end)


@pytest.mark.parametrize("odd", ODD, ids=range(len(ODD)))
def test_a_line_that_is_odd(scanner: Scanner, tmp_path: Path, odd: bytes) -> None:
    place = tmp_path / "rollout-t.jsonl"
    around = lines.meta("t") + lines.context("a") + record(1)
    place.write_bytes(around + odd + record(2) + echo(2) + lines.context("b") + odd + record(3))
    assert_same(place, scanner)


def test_more_calls_than_one_piece_holds(scanner: Scanner, tmp_path: Path) -> None:
    place = tmp_path / "rollout-t.jsonl"
    turns = (
        lines.context(str(turn))
        + b"".join(record(turn * 7 + each) + echo(turn * 7 + each) for each in range(7))
        for turn in range(1500)
    )
    place.write_bytes(lines.meta("t") + b"".join(turns))
    end = assert_same(place, scanner)
    assert end.offset == place.stat().st_size
    job = Job(str(place), Format.CODEX, Place())
    pieces = list(read(job, scanner))
    assert len(pieces) > 1
    assert not any(piece.entries for piece in pieces)
    # Each piece can be kept without the next.
    assert_same(place, scanner, pieces[0].place)
    assert sum(piece.size for piece in pieces) == 7 * 1500


@pytest.mark.parametrize("size", [LONGEST_LINE - 1, LONGEST_LINE, LONGEST_LINE + 1])
@pytest.mark.parametrize("end", [b"}\n", b""])
def test_a_line_of_megabytes(scanner: Scanner, tmp_path: Path, size: int, end: bytes) -> None:
    place = tmp_path / "rollout-t.jsonl"
    with place.open("wb") as file:
        file.write(lines.meta("t") + record(1) + b"{")
        # Of nothing but zeros, which take no place.
        file.seek(size - 1 - len(end), os.SEEK_CUR)
        file.write(end)
        file.truncate()
        if end:
            file.write(record(2))
    assert_same(place, scanner)


def test_a_rollout_that_cannot_be_read_is_told_and_the_next_one_read(
    scanner: Scanner, tmp_path: Path
) -> None:
    place = tmp_path / "rollout-t.jsonl"
    with place.open("wb") as file:
        file.write(lines.meta("t") + record(1))
        file.flush()
        with pytest.raises(OSError, match="Bad file descriptor"):  # it is open for writing alone
            list(scan.Scan(scanner, file, CodexRollout(place.name), 0, 0))
    assert_same(place, scanner)


def test_a_file_that_is_given_up_tells_nothing_of_the_next(
    monkeypatch: pytest.MonkeyPatch, scanner: Scanner, tmp_path: Path
) -> None:
    first, second = tmp_path / "rollout-1.jsonl", tmp_path / "rollout-2.jsonl"
    first.write_bytes(lines.meta("1") + b"".join(record(each) for each in range(12_000)))
    second.write_bytes(lines.meta("2") + record(1))

    def failing(*_: object) -> Place:
        raise OSError(errno.ESTALE, "it is gone from the server")

    with monkeypatch.context() as patch:
        patch.setattr(work, "_place", failing)
        [piece] = read(Job(str(first), Format.CODEX, Place()), scanner)
        assert [problem.kind for problem in piece.problems] == ["unreadable"]
    assert_same(second, scanner)


@pytest.mark.parametrize("script", ["exit 1", "head -c 20 /dev/zero", "kill -9 $$"])
def test_a_program_that_dies_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str
) -> None:
    program, place = tmp_path / "agentos-rollouts", tmp_path / "rollout-t.jsonl"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    place.write_bytes(record(1))
    monkeypatch.setattr(scan, "PROGRAM", program)
    with scanning() as scanner, pytest.raises(AgentOsError, match="agentos-rollouts ended"):
        list(read(Job(str(place), Format.CODEX, Place()), scanner))


@pytest.mark.parametrize("mode", [0o644, 0o755])
def test_a_program_that_does_not_run_is_done_without(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, mode: int
) -> None:
    program = tmp_path / "agentos-rollouts"
    program.write_bytes(b"\x7fELF of another machine")
    program.chmod(mode)
    monkeypatch.setattr(scan, "PROGRAM", program)
    with scanning() as nothing:
        assert nothing is None


def test_the_program_ends_with_whoever_runs_it(tmp_path: Path) -> None:
    place = tmp_path / "rollout-t.jsonl"
    with place.open("wb") as file:
        file.truncate(1 << 40)  # of zeros: it would read for an hour
    reading = subprocess.Popen(
        [sys.executable, "-c", _READING, place], stdout=subprocess.PIPE, text=True
    )
    with reading:
        assert reading.stdout is not None
        program = os.pidfd_open(int(reading.stdout.readline()))
        reading.kill()
    with open(program, "rb") as end:
        select.select([end], [], [])


_READING = """
import os, sys
from agentos.usage.reading.job import Format, Job, Place
from agentos.usage.reading.scan import scanning
from agentos.usage.reading.work import read
with scanning() as scanner:
    print(open(f"/proc/self/task/{os.getpid()}/children").read(), flush=True)
    list(read(Job(sys.argv[1], Format.CODEX, Place()), scanner))
"""


def test_without_the_program_files_are_read_all_the_same(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(scan, "PROGRAM", tmp_path / "none")
    with scanning() as nothing:
        assert nothing is None
