"""Records of Claude Code, Gemini CLI and OpenCode: real ones, and what they can hold."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from agentos.usage.call import Source
from agentos.usage.claude_cleanup import deletion_warnings
from agentos.usage.discovery import find
from agentos.usage.explain import line_at
from agentos.usage.homes import UsageHome, user_homes
from agentos.usage.ledger import Ledger
from agentos.usage.prices import Tokens

#: What the three programs wrote of one and the same three calls, 10 tokens in and 7 out each.
REAL = Path(__file__).parents[1] / "data" / "transcripts"
AT = "2026-11-21T10:00:00.000Z"
MESSAGE = "msg_01ABCDEFGHIJKLMNOPQRSTUV"


def home(tmp_path: Path, source: Source, below: str) -> tuple[UsageHome, Path]:
    place = tmp_path / source.value
    (place / below).mkdir(parents=True)
    return UsageHome(source, place), place / below


@pytest.mark.parametrize(
    ("source", "below", "real", "name"),
    [
        (Source.CLAUDE, "projects/-work", "claude-2.1.316.jsonl", "a.jsonl"),
        (Source.GEMINI, "tmp/project/chats", "gemini-0.61.0.jsonl", "session-a.jsonl"),
        (Source.OPENCODE, ".", "opencode-1.18.18.db", "opencode.db"),
    ],
)
async def test_real_records(
    ledger: Ledger, tmp_path: Path, source: Source, below: str, real: str, name: str
) -> None:
    found, place = home(tmp_path, source, below)
    shutil.copy(REAL / real, place / name)
    for _ in range(2):
        report = await ledger.ingest([found])
        assert not report.problems
        [total] = await ledger.totals(["client"])
        assert (total.key, total.calls) == ((source.value,), 3)
        assert total.tokens == Tokens(input=30, output=21)
    assert report.files == 0


def claude(output: int, **more: Any) -> bytes:
    usage = {
        "input_tokens": 5,
        "cache_read_input_tokens": 100,
        "cache_creation_input_tokens": 30,
        "cache_creation": {"ephemeral_1h_input_tokens": 20, "ephemeral_5m_input_tokens": 10},
        "output_tokens": output,
        "service_tier": "standard",
    }
    data = {
        "type": "assistant",
        "timestamp": AT,
        "sessionId": "s",
        "requestId": "req_1",
        "cwd": "/project",
        "message": {"id": MESSAGE, "model": "claude-sonnet-5", "usage": usage},
        **more,
    }
    return json.dumps(data).encode() + b"\n"


async def told(ledger: Ledger, found: UsageHome) -> list[tuple[str, Tokens | None]]:
    await ledger.ingest([found])
    return [(call.session, call.tokens) for _, call in await ledger.calls()]


WHOLE = Tokens(135, cached_input=100, cache_write=30, output=80, cache_write_hour=20)


async def test_the_last_usage_of_a_claude_message_counts(ledger: Ledger, tmp_path: Path) -> None:
    found, place = home(tmp_path, Source.CLAUDE, "projects/-work")
    (place / "s.jsonl").write_bytes(claude(1) + claude(80) + claude(2))
    assert await told(ledger, found) == [("s", WHOLE)]


async def test_a_message_that_goes_on_streaming_is_put_right(
    ledger: Ledger, tmp_path: Path
) -> None:
    found, place = home(tmp_path, Source.CLAUDE, "projects/-work")
    (place / "s.jsonl").write_bytes(claude(1))
    await ledger.ingest([found])
    with (place / "s.jsonl").open("ab") as file:
        file.write(claude(80))
    assert await told(ledger, found) == [("s", WHOLE)]
    [total] = await ledger.totals()
    assert (total.calls, total.tokens) == (1, WHOLE)


async def test_side_chains_and_progress_tell_of_a_message_once(
    ledger: Ledger, tmp_path: Path
) -> None:
    found, place = home(tmp_path, Source.CLAUDE, "projects/-work")
    (place / "s" / "subagents").mkdir(parents=True)
    side = claude(80, isSidechain=True, agentId="a1")
    (place / "s" / "subagents" / "agent-a1.jsonl").write_bytes(side)
    inner = json.loads(side)
    progress = {"type": "progress", "sessionId": "s", "timestamp": AT, "data": {"message": inner}}
    (place / "s.jsonl").write_bytes(json.dumps(progress).encode() + b"\n")
    assert await told(ledger, found) == [("s", WHOLE)]
    [(_, call)] = await ledger.calls()
    assert call.kind == "subagent"


async def test_messages_of_servers_that_number_none_are_told_apart(
    ledger: Ledger, tmp_path: Path
) -> None:
    found, place = home(tmp_path, Source.CLAUDE, "projects/-work")
    lines = b""
    for number in range(3):
        data = json.loads(claude(80, requestId=f"req_{number}"))
        data["message"]["id"] = "m"
        lines += json.dumps(data).encode() + b"\n"
    (place / "s.jsonl").write_bytes(lines + lines)
    assert len(await told(ledger, found)) == 3


async def test_claudes_own_words_are_no_call(ledger: Ledger, tmp_path: Path) -> None:
    found, place = home(tmp_path, Source.CLAUDE, "projects/-work")
    data = json.loads(claude(80))
    data["message"]["model"] = "<synthetic>"
    (place / "s.jsonl").write_bytes(json.dumps(data).encode() + b"\n")
    assert await told(ledger, found) == []


def test_it_warns_before_claude_deletes(tmp_path: Path) -> None:
    found, place = home(tmp_path, Source.CLAUDE, "projects/-work")
    now = 1_800_000_000
    for days in (1, 28, 29):
        file = place / f"{days}.jsonl"
        file.write_bytes(claude(80))
        os.utime(file, (now - days * 86_400,) * 2)
    files, _ = find([found])
    [warning] = deletion_warnings(files, now)
    assert "delete 2 of them" in warning
    (found.path / "settings.json").write_text('{"cleanupPeriodDays": 99999}')
    assert deletion_warnings(files, now) == []
    (found.path / "settings.json").write_text('{"cleanupPeriodDays": 0}')
    [warning] = deletion_warnings(files, now)
    assert "delete 3 of them" in warning
    for odd in ("1e999", "[" * 100_000, "oops", "[]"):
        (found.path / "settings.json").write_text(f'{{"cleanupPeriodDays": {odd}}}')
        deletion_warnings(files, now)


async def test_an_old_gemini_session_is_one_document(ledger: Ledger, tmp_path: Path) -> None:
    found, place = home(tmp_path, Source.GEMINI, "tmp/hash/chats")
    tokens = {"input": 100, "output": 10, "cached": 40, "thoughts": 5, "tool": 3, "total": 118}
    message = {"id": "m1", "type": "gemini", "timestamp": AT, "tokens": tokens, "model": "gem"}
    document = {"sessionId": "s", "messages": [{"id": "m0", "type": "user"}, message]}
    (place / "session-a.json").write_text(json.dumps(document, indent=2))
    assert await told(ledger, found) == [
        ("s", Tokens(103, cached_input=40, output=15, reasoning=5))
    ]
    [(_, call)] = await ledger.calls()
    line = (place / "session-a.json").read_text().splitlines()[call.provenance.line - 1]
    assert '"m1"' in line
    assert line_at(call.provenance) == line.encode()


async def test_a_bad_message_of_a_document_leaves_the_others(
    ledger: Ledger, tmp_path: Path
) -> None:
    found, place = home(tmp_path, Source.GEMINI, "tmp/hash/chats")
    messages = [
        {"id": id, "type": "gemini", "timestamp": AT, "tokens": {"input": used}}
        for id, used in (("m1", 100), ("m2", -5), ("\N{EURO SIGN}", 10), ("m4", 1))
    ]
    text = json.dumps({"sessionId": "s", "messages": messages}, indent=2)
    (place / "session-a.json").write_text(text)
    report = await ledger.ingest([found])
    [problem] = report.problems
    assert (report.calls, problem.kind) == (3, "bad_tokens")
    assert '"m2"' in text.splitlines()[problem.line - 1]


def opencode_message(**more: Any) -> str:
    data = {
        "role": "assistant",
        "parentID": "u",
        "providerID": "anthropic",
        "modelID": "claude",
        "path": {"cwd": "/project"},
        "cost": 0.25,
        "tokens": {
            "input": 5,
            "output": 10,
            "reasoning": 4,
            "cache": {"read": 100, "write": 30},
            "total": 149,
        },
        "time": {"created": 1_795_272_641_737},
        **more,
    }
    return json.dumps(data)


async def test_opencode_counts_beside_each_other(ledger: Ledger, tmp_path: Path) -> None:
    found, place = home(tmp_path, Source.OPENCODE, "storage/message/ses_1")
    (place / "msg_1.json").write_text(opencode_message(id="msg_1", sessionID="ses_1"))
    used = Tokens(135, cached_input=100, cache_write=30, output=14, reasoning=4)
    assert await told(ledger, found) == [("ses_1", used)]
    [total] = await ledger.totals(["priced"])
    assert (total.key, total.price) == ((1,), 0.25)


async def test_opencodes_database_is_read_on_while_it_is_open(
    ledger: Ledger, tmp_path: Path
) -> None:
    found, place = home(tmp_path, Source.OPENCODE, ".")
    writer = sqlite3.connect(place / "opencode.db")
    writer.execute("pragma journal_mode=wal")
    writer.execute("create table message (id, session_id, time_created, time_updated, data)")
    writer.commit()
    for number in (1, 2, 3):
        row = (f"msg_{number}", "ses_1", 0, 1_795_272_641_000 + number, opencode_message())
        writer.execute("insert into message values (?, ?, ?, ?, ?)", row)
        writer.commit()
        assert len(await told(ledger, found)) == number
    [_, (_, call), _] = await ledger.calls()
    line = line_at(call.provenance)
    assert line == opencode_message().encode()
    writer.execute("insert into message values ('bad', 's', 0, 1795272642000, '{oops')")
    writer.commit()
    report = await ledger.ingest([found])
    assert [(problem.line, problem.kind) for problem in report.problems] == [(4, "invalid_json")]
    writer.close()


COLUMNS = "id, session_id, time_updated"


def opencode_database(place: Path, table: str, *rows: tuple[Any, ...]) -> None:
    with contextlib.closing(sqlite3.connect(place / "opencode.db")) as writer, writer:
        writer.execute(table)
        for row in rows:
            writer.execute("insert into message values (?, ?, ?, ?)", row)


async def test_opencodes_clock_may_run_backwards(ledger: Ledger, tmp_path: Path) -> None:
    found, place = home(tmp_path, Source.OPENCODE, ".")
    years_ahead, today = 4_000_000_000_000, 1_763_700_000_000
    table = f"create table if not exists message ({COLUMNS}, data)"
    for number, at in enumerate((today, years_ahead, today + 1, today - 1, 10**18, 0), 1):
        opencode_database(place, table, (f"msg_{number}", "s", at, opencode_message()))
        assert (await ledger.ingest([found])).calls == 1


async def test_rows_of_opencode_that_are_no_messages(ledger: Ledger, tmp_path: Path) -> None:
    found, place = home(tmp_path, Source.OPENCODE, ".")
    odd = (None, 5, b"\xff\xfe", "[" * 100_000, "\N{EURO SIGN}\0")
    rows: list[tuple[Any, ...]] = [
        (f"odd_{number}", "s", number, value) for number, value in enumerate(odd)
    ]
    rows += [(7, 8, None, opencode_message()), ("good", "s", "then", opencode_message())]
    opencode_database(place, f"create table message ({COLUMNS}, data)", *rows)
    with contextlib.closing(sqlite3.connect(place / "opencode.db")) as writer, writer:
        writer.execute("insert into message values ('x', 's', 1, cast(x'ff7b' as text))")
    report = await ledger.ingest([found])
    assert (report.calls, len(report.problems)) == (1, len(odd) + 2)
    assert {problem.line for problem in report.problems} == {1, 2, 3, 4, 5, 6, 8}


@pytest.mark.parametrize(
    "table",
    [
        "create table other (a)",
        f"create table message ({COLUMNS}, data as (hex(zeroblob(1000000))))",
        "create view message as with recursive a(n) as (select 1 union all select n + 1 from a)"
        " select n as id, n as session_id, n as time_updated, n as data from a",
    ],
)
async def test_a_database_that_is_none_of_opencodes(
    ledger: Ledger, tmp_path: Path, table: str
) -> None:
    found, place = home(tmp_path, Source.OPENCODE, ".")
    opencode_database(place, table)
    [problem] = (await ledger.ingest([found])).problems
    assert (problem.kind, problem.message) == (
        "unreadable",
        "the database cannot be read: it has no table of messages",
    )


def test_homes_are_where_the_variables_say(tmp_path: Path) -> None:
    given = {"HOME": "/home/me", "CODEX_HOME": "/a, /b,", "CLAUDE_CONFIG_DIR": "/c,/d"}
    homes = user_homes(given)
    paths = {source: [str(h.path) for h in homes if h.source is source] for source in Source}
    assert paths[Source.CODEX] == ["/a", "/b"]
    assert paths[Source.CLAUDE] == ["/c", "/d"]
    assert paths[Source.GEMINI] == ["/home/me/.gemini"]
    assert paths[Source.OPENCODE] == ["/home/me/.local/share/opencode"]
    [usual] = [h.path for h in user_homes({"HOME": "/home/me"}) if h.source is Source.CODEX]
    assert str(usual) == "/home/me/.codex"
