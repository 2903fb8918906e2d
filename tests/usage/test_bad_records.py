"""Files as they should not be: what can be counted is, and the rest is told with its line."""

from __future__ import annotations

import errno
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.usage import codex_lines as lines

from agentos.usage.call import Source
from agentos.usage.homes import UsageHome
from agentos.usage.ledger import Ledger
from agentos.usage.reading import work

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

GOOD = (1000, 0, 0, 10, 0)
TOTAL = "thread_token_usage"


def begin() -> bytes:
    return lines.meta("t") + lines.context()


async def counted(ledger: Ledger, home: UsageHome) -> tuple[int, list[tuple[int, str]]]:
    report = await ledger.ingest([home])
    [total] = await ledger.totals()
    return total.tokens.input, [(problem.line, problem.kind) for problem in report.problems]


def rollout(home: UsageHome, name: str = "rollout-t.jsonl") -> Path:
    return home.path / "sessions" / name


@pytest.mark.parametrize(
    ("bad", "kind"),
    [
        (b"not json at all\n", "invalid_json"),
        (b'{"type":"token_usage_record","payl{"timestamp":1}\n', "invalid_json"),
        (b'{"type":"token_usage_record"' + b'[{"a":' * 5000 + b"}\n", "invalid_json"),
        (b"\0" * 4096 + b"\n", "invalid_json"),
        (b"\xff\xfe{}\n", "invalid_json"),
        (b"[1, 2]\n", "invalid_json"),
        (lines.record("bad", (5, 0, 0, 1, 0)).replace(b"bad", b"\xff"), "invalid_json"),
        (lines.record("bad", (-5, 0, 0, 1, 0)), "bad_tokens"),
        (lines.record("bad", (10**18, 0, 0, 1, 0)), "bad_tokens"),
        (lines.record("bad", (10, 20, 0, 1, 0)), "bad_tokens"),
        (lines.record("bad", (10, 0, 0, 1, 5)), "bad_tokens"),
        (lines.record("bad", ("many", 0, 0, 1, 0)), "bad_tokens"),
        (lines.record("bad", (True, 0, 0, 1, 0)), "bad_tokens"),
        (lines.record("bad", (5, 0, 0, 1, 0), at="yesterday"), "bad_time"),
        (lines.record("bad", (5, 0, 0, 1, 0), at="0001-01-01T00:00:00Z"), "bad_time"),
        (lines.count((10**15, 0, 0, 1, 0)), "bad_tokens"),
    ],
)
async def test_a_bad_line_in_the_middle(
    ledger: Ledger, codex: UsageHome, bad: bytes, kind: str
) -> None:
    good = lines.record("one", GOOD), lines.record("two", GOOD)
    rollout(codex).write_bytes(begin() + good[0] + bad + good[1])
    assert await counted(ledger, codex) == (2000, [(4, kind)])
    again = await ledger.ingest([codex])
    assert (again.files, again.problems) == (0, [])


@pytest.mark.parametrize("total", [b'{"\xff":1}', b'{"input_tokens":-1}', b"[-1]"])
async def test_a_total_that_cannot_be_read_is_added_up(
    ledger: Ledger, codex: UsageHome, total: bytes
) -> None:
    told = dict.fromkeys(("thread_id", "session_id", "turn_id"), "t") | {"response_id": "two"}
    odd = lines.line("token_usage_record", {**told, "usage": lines.named(GOOD), TOTAL: 0})
    odd = odd.replace(b'"%s":0' % TOTAL.encode(), b'"%s":%s' % (TOTAL.encode(), total))
    data = begin() + lines.record("one", GOOD) + odd
    rollout(codex).write_bytes(data + lines.count((2500, 0, 0, 25, 0)))
    assert await counted(ledger, codex) == (2500, [])


async def test_records_of_unknown_types_are_told_and_passed_over(
    ledger: Ledger, codex: UsageHome
) -> None:
    odd = lines.line("something_new", {"a": 1}) + lines.line("event_msg", None) + b"{}\n\n"
    odd += lines.line("turn_context", [1]) + lines.line("session_meta", "x")
    odd += lines.line("response_item_new", {}) + lines.line("response_item", {"type": "new"})
    rollout(codex).write_bytes(begin() + odd + lines.record("one", GOOD))
    assert await counted(ledger, codex) == (1000, [(3, "unknown_type"), (9, "unknown_type")])


@pytest.mark.parametrize("client", ["claude", "gemini"])
async def test_messages_of_unknown_types_that_tell_tokens_are_told(
    ledger: Ledger, tmp_path: Path, client: str
) -> None:
    if client == "claude":
        home = UsageHome(Source.CLAUDE, tmp_path / "claude")
        file = home.path / "projects/p/s.jsonl"
        used = {"input_tokens": 1, "output_tokens": 1}
        odd = {"type": "oracle", "sessionId": "s", "message": {"id": "m" * 30, "usage": used}}
        plain: dict[str, Any] = {"type": "oracle", "message": {"content": "of the usage"}}
    else:
        home = UsageHome(Source.GEMINI, tmp_path / "gemini")
        file = home.path / "tmp/p/chats/session-s.jsonl"
        odd = {"type": "oracle", "id": "m", "tokens": {"input": 1, "output": 1}}
        plain = {"type": "info", "id": "i", "tokens": None}
    file.parent.mkdir(parents=True)
    file.write_bytes(b"".join(json.dumps(each).encode() + b"\n" for each in (plain, odd)))
    [problem] = (await ledger.ingest([home])).problems
    assert (problem.line, problem.kind) == (2, "unknown_type")
    assert "'oracle'" in problem.message


async def test_words_that_no_database_keeps(ledger: Ledger, codex: UsageHome) -> None:
    for number, word in enumerate(("x" * 100_000, "a\0b", "\N{HOT BEVERAGE}" * 5000, "'; drop")):
        told = {"id": word, "cwd": word, "model_provider": word, "session_id": word}
        file = rollout(codex, f"rollout-{number}.jsonl")
        data = lines.line("session_meta", told) + lines.context(word, word)
        file.write_bytes(data + lines.record(f"{number}{word}", GOOD, thread=word))
    assert await counted(ledger, codex) == (4000, [])
    assert "ab" in {call.model for _, call in await ledger.calls()}


async def test_a_name_that_is_no_text(ledger: Ledger, codex: UsageHome) -> None:
    rollout(codex).write_bytes(begin() + lines.record("one", GOOD))
    odd = rollout(codex, "rollout-\udcff.jsonl")  # the byte FF
    odd.write_bytes(begin() + lines.record("two", GOOD))
    assert await counted(ledger, codex) == (1000, [(0, "bad_name")])


async def test_clocks_may_run_backwards(ledger: Ledger, codex: UsageHome) -> None:
    later = lines.count((1000, 0, 0, 10, 0), at="2026-11-21T10:00:00Z")
    sooner = lines.count((1500, 0, 0, 15, 0), (500, 0, 0, 5, 0), at="2026-11-20T10:00:00Z")
    rollout(codex).write_bytes(begin() + later + sooner)
    assert await counted(ledger, codex) == (1500, [])


@pytest.mark.parametrize("at", [20e9, -20e9])
async def test_a_file_of_another_age(ledger: Ledger, codex: UsageHome, at: float) -> None:
    # Where the file system keeps such times: they are more nanoseconds than a column holds.
    rollout(codex).write_bytes(begin() + lines.record("one", GOOD))
    os.utime(rollout(codex), (at, at))
    assert await counted(ledger, codex) == (1000, [])
    assert (await ledger.ingest([codex])).files == 0


async def test_directories_as_deep_as_can_be(ledger: Ledger, codex: UsageHome) -> None:
    rollout(codex).write_bytes(begin() + lines.record("one", GOOD))
    here = os.open(codex.path / "sessions", os.O_RDONLY)
    for _ in range(1200):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    assert await counted(ledger, codex) == (1000, [])


@pytest.mark.parametrize("size", [1, 12_000])
async def test_a_file_that_cannot_be_read_to_its_end(
    ledger: Ledger, codex: UsageHome, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    data = begin() + b"".join(lines.record(f"r{each}", GOOD) for each in range(size))
    rollout(codex).write_bytes(data + lines.record("last", GOOD))

    class Bad(io.FileIO):
        """A file on a disk with a bad block behind `data`."""

        def readinto(self, buffer: Any) -> int | None:
            left = len(data) - self.tell()
            if not left:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            return super().readinto(memoryview(buffer)[:left])

    with monkeypatch.context() as patch:
        patch.setattr(work, "_opened", lambda path: io.BufferedReader(Bad(path)))
        assert await counted(ledger, codex) == (1000 * size, [(0, "unreadable")])
    assert await counted(ledger, codex) == (1000 * size + 1000, [])


async def test_a_corrupt_packed_file_is_read_as_far_as_it_goes(
    ledger: Ledger, codex: UsageHome
) -> None:
    first = zstd.compress(begin() + lines.record("one", GOOD))
    second = zstd.compress(lines.record("two", GOOD))
    broken = second[:12] + b"\xff" * (len(second) - 12)
    rollout(codex, "rollout-t.jsonl.zst").write_bytes(first + broken)
    assert await counted(ledger, codex) == (1000, [(4, "corrupt")])


async def test_a_packed_file_that_ends_too_soon(ledger: Ledger, codex: UsageHome) -> None:
    packed = zstd.compress(begin() + lines.record("one", GOOD))
    rollout(codex, "rollout-t.jsonl.zst").write_bytes(packed + packed[:20])
    assert await counted(ledger, codex) == (1000, [(4, "corrupt")])


async def test_an_archive_that_was_packed_is_the_same_calls(
    ledger: Ledger, codex: UsageHome
) -> None:
    data = begin() + lines.record("one", GOOD) + lines.count((1500, 0, 0, 15, 0))
    rollout(codex).write_bytes(data)
    before = await counted(ledger, codex)
    rollout(codex).unlink()
    rollout(codex, "rollout-t.jsonl.zst").write_bytes(zstd.compress(data))
    assert await counted(ledger, codex) == before == (1500, [])
    [(_, call), *_] = await ledger.calls()
    assert call.provenance.file.endswith(".zst")


async def test_what_is_no_file_is_not_waited_for(ledger: Ledger, codex: UsageHome) -> None:
    os.mkfifo(rollout(codex, "pipe.jsonl"))
    (codex.path / "sessions" / "loop").symlink_to(codex.path / "sessions")
    (codex.path / "sessions" / "nowhere.jsonl").symlink_to("/nonexistent")
    (codex.path / "sessions" / "self.jsonl").symlink_to("self.jsonl")
    rollout(codex).write_bytes(begin() + lines.record("one", GOOD))
    used, problems = await counted(ledger, codex)
    assert used == 1000
    assert [kind for _, kind in problems] == ["unreadable"]  # the link to itself


def test_what_may_not_be_read_is_told(tmp_path: Path) -> None:
    sessions = tmp_path / "codex" / "sessions"
    (sessions / "closed").mkdir(parents=True)
    (sessions / "closed").chmod(0)
    (sessions / "secret.jsonl").write_bytes(begin())
    (sessions / "secret.jsonl").chmod(0)
    (sessions / "open.jsonl").write_bytes(begin() + lines.record("one", GOOD))
    for path in (tmp_path, tmp_path / "codex", sessions, tmp_path.parent, tmp_path.parent.parent):
        path.chmod(0o755)
    done = _ran(
        "import os, sys\n"
        "from pathlib import Path\n"
        "from agentos.usage.discovery import find\n"
        "from agentos.usage.homes import UsageHome\n"
        "from agentos.usage.call import Source\n"
        "from agentos.usage.reading.work import Job, Place, read\n"
        "if os.geteuid() == 0:\n"
        "    os.setgroups([])\n"
        "    os.setresgid(65533, 65533, 65533)\n"
        "    os.setresuid(65533, 65533, 65533)\n"
        "found, problems = find([UsageHome(Source.CODEX, Path(sys.argv[1]))])\n"
        "pieces = [p for f in found for p in read(Job(f.path, f.format, Place()))]\n"
        "problems += [each for piece in pieces for each in piece.problems]\n"
        "print(sum(len(p.entries) for p in pieces), sorted(str(each) for each in problems))\n",
        tmp_path / "codex",
    )
    assert done.startswith("1 [")
    assert f"{sessions}/closed:0: Permission denied" in done
    assert f"{sessions}/secret.jsonl:0: Permission denied" in done


def _ran(program: str, *words: object) -> str:
    source = Path(__file__).parents[2] / "src"
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, words)],
        env={**os.environ, "PYTHONPATH": str(source)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_line_of_200_megabytes_needs_no_such_memory(tmp_path: Path) -> None:
    file = tmp_path / "rollout-t.jsonl"
    with file.open("wb") as out:
        out.write(begin() + lines.record("one", GOOD) + b'{"type":"token_usage_record","x":"')
        for _ in range(200):
            out.write(b"x" * 1_000_000)
        out.write(b'"}\n' + lines.record("two", GOOD))
    done = _ran(
        "import sys, resource\n"
        "from agentos.usage.reading.work import Format, Job, Place, read\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "[piece] = read(Job(sys.argv[1], Format.CODEX, Place()))\n"
        "grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before\n"
        "print(len(piece.entries), [p.line for p in piece.problems], grown < 110_000)\n",
        file,
    )
    assert done == "2 [4] True\n"


@pytest.mark.parametrize("cut", [lambda data: data[:-1], lambda data: data[:-20]])
async def test_a_last_line_is_counted_when_it_is_whole(
    ledger: Ledger, codex: UsageHome, cut: Callable[[bytes], bytes]
) -> None:
    last = lines.record("two", GOOD)
    whole = cut(last).endswith(b"}")
    rollout(codex).write_bytes(begin() + lines.record("one", GOOD) + cut(last))
    assert await counted(ledger, codex) == (2000 if whole else 1000, [])
    with rollout(codex).open("ab") as file:
        file.write(last[len(cut(last)) :] + lines.record("three", GOOD))
    assert await counted(ledger, codex) == (3000, [])
