"""`agentos sessions` and `agentos run --resume`, as a user runs them."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from agentos.sessions.events import SessionEvent
from agentos.sessions.transcripts import SessionRecord, Transcripts
from agentos.store import Store

FIRST = "01a1fe0c-0000-7000-8000-000000000001"
SECOND = "01a1fe0d-0000-7000-8000-000000000002"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A store with two sessions, and a file that an agent kept of the first."""
    asyncio.run(_fill(f"sqlite:///{tmp_path}/agentos.db"))
    kept = tmp_path / "data/sessions" / FIRST / "home/agentos/rollout.jsonl"
    kept.parent.mkdir(parents=True)
    kept.write_text("{}\n")
    return tmp_path


async def _fill(url: str) -> None:
    store = await Store.open(url)
    transcripts = Transcripts(store)
    for id, machine, word in ((FIRST, "box", "needle"), (SECOND, "barn", "thread")):
        epoch = await transcripts.create(SessionRecord(id, "codex", machine))
        text = {"type": "text", "text": f"I found the {word}.\x1b[2J"}
        run = {"toolCallId": "c", "command": "make test"}
        prompt: dict[str, Any] = {"turn": 1, "prompt": [{"type": "text", "text": f"Find {word}"}]}
        said = [
            ("turn_started", prompt),
            ("tool_call", run),
            ("tool_call_update", {**run, "output": "ok\n", "full_output": "ok\n", "exit_code": 2}),
            ("agent_message_chunk", {"messageId": "m", "content": text}),
            ("turn_ended", {"turn": 1, "error": {"message": "the provider went away"}}),
        ]
        events = [SessionEvent(n, id, 1000.0 + n, *one) for n, one in enumerate(said, 1)]
        await transcripts.append(id, epoch, events)
        await transcripts.compact(id, epoch)
    await store.close()


def agentos(place: Path, *words: str) -> subprocess.CompletedProcess[str]:
    places = {
        "AGENTOS_STORE_URL": f"sqlite:///{place}/agentos.db",
        "AGENTOS_DATA_DIR": str(place / "data"),
    }
    return subprocess.run(
        [sys.executable, "-m", "agentos", *words],
        capture_output=True,
        env={**os.environ, **places},
        timeout=60,
        text=True,
        check=False,
    )


def test_list(place: Path) -> None:
    shown = agentos(place, "sessions", "list").stdout
    for words in (FIRST, SECOND, "box", "barn", "Find needle"):
        assert words in shown
    only = agentos(place, "sessions", "list", "--machine", "barn").stdout
    assert FIRST not in only
    rows = json.loads(agentos(place, "sessions", "list", "--json").stdout)
    assert {(row["id"], row["title"], row["last_seq"]) for row in rows} == {
        (FIRST, "Find needle", 5),
        (SECOND, "Find thread", 5),
    }


def test_show(place: Path) -> None:
    shown = agentos(place, "sessions", "show", "01a1fe0c").stdout
    for words in (FIRST, "> Find needle", "$ make test", "exit 2", "the provider went away"):
        assert words in shown
    assert "\x1b[2J" not in shown
    lines = agentos(place, "sessions", "show", FIRST, "--json").stdout.splitlines()
    assert [json.loads(line)["seq"] for line in lines[1:]] == [1, 2, 3, 4, 5]


def test_an_id_that_names_none_or_several(place: Path) -> None:
    several = agentos(place, "sessions", "show", "01a1fe0")
    assert several.returncode == 1
    assert "several sessions begin with '01a1fe0'" in several.stderr
    for odd in ("%", "_", "", "nothing"):
        none = agentos(place, "sessions", "show", odd)
        assert none.returncode == 1
        assert "there is no session" in none.stderr


def test_search(place: Path) -> None:
    shown = agentos(place, "sessions", "search", "needle").stdout
    assert FIRST in shown
    assert SECOND not in shown
    hits = json.loads(agentos(place, "sessions", "search", "found the thread", "--json").stdout)
    assert {(hit["session_id"], hit["seq"]) for hit in hits} == {(SECOND, 4)}
    assert agentos(place, "sessions", "search", "the found thread").returncode == 1


def test_export(place: Path) -> None:
    lines = agentos(place, "sessions", "export", FIRST).stdout.splitlines()
    assert json.loads(lines[0])["session"]["id"] == FIRST
    assert [json.loads(line)["type"] for line in lines[1:]][:2] == ["turn_started", "tool_call"]
    file = place / "told.md"
    assert agentos(place, "sessions", "export", FIRST, "-o", str(file)).returncode == 0
    assert "## Prompt\n\nFind needle\n" in file.read_text()
    assert "```console\n$ make test\n```" in file.read_text()
    shown = agentos(place, "sessions", "export", FIRST, "-f", "markdown").stdout
    assert shown == file.read_text()
    nowhere = agentos(place, "sessions", "export", FIRST, "-o", "/nowhere/told.md")
    assert (nowhere.returncode, nowhere.stderr.count("\n")) == (1, 1)


def test_rm(place: Path) -> None:
    assert agentos(place, "sessions", "rm", "01a1fe0c", "none").returncode == 1
    assert FIRST in agentos(place, "sessions", "list").stdout, "all or nothing"
    assert agentos(place, "sessions", "rm", "01a1fe0c").returncode == 0
    assert FIRST not in agentos(place, "sessions", "list").stdout
    assert agentos(place, "sessions", "search", "needle").returncode == 1
    assert not (place / "data/sessions" / FIRST).exists()


def test_run_resumes_what_there_is(place: Path) -> None:
    none = agentos(place, "run", "codex", "go on", "--resume", "nothing")
    assert none.returncode == 1
    assert "there is no session 'nothing'" in none.stderr
    other = agentos(place, "run", "codex-acp", "go on", "--resume", FIRST)
    assert "is one of codex, not of codex-acp" in other.stderr
    both = agentos(place, "run", "codex", "go", "--resume", FIRST, "--instructions", "x")
    assert both.returncode == 2
