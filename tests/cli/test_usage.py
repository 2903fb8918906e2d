"""`agentos usage`, `budget` and `prices`, as a user runs them."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyte
import pytest
from tests.usage.reports.filling import fill, made

from agentos.store import Store
from agentos.usage.call import ModelCall, Provenance

NOW = datetime.now(UTC)


def agentos(*words: str, code: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "agentos", *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout if code == 0 else done.stderr


def ledger(*calls: ModelCall) -> None:
    async def write() -> None:
        store = await Store.open()
        await fill(store, calls)
        await store.close()

    asyncio.run(write())


@pytest.fixture(autouse=True)
def _places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENTOS_STORE_URL", f"sqlite:///{tmp_path}/agentos.db")
    monkeypatch.setenv("AGENTOS_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("AGENTOS_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("TZ", "UTC")
    for name in ("CODEX_HOME", "CLAUDE_CONFIG_DIR", "GEMINI_CLI_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def calls() -> None:
    ledger(
        made(1, at=NOW),
        made(2, at=NOW - timedelta(days=3), model="mystery", session="s2"),
        made(3, at=NOW - timedelta(days=400), project="/srv/old"),
    )


@pytest.mark.usefixtures("calls")
def test_the_table_says_what_is_not_known() -> None:
    said = agentos("usage", "--by", "model")
    known, unknown = [line.split() for line in said.splitlines()[1:3]]
    assert known[:7] == ["openai/gpt-5.4", "2", "2,000", "0", "200", "2,200", "$0.0080"]
    assert unknown[:7] == ["openai/mystery", "1", "1,000", "0", "100", "1,100", "unknown"]
    assert "≥ $0.0080" in said
    assert "The price of 1 calls is not known" in said


@pytest.mark.usefixtures("calls")
def test_a_period_a_time_and_filters_choose() -> None:
    def total(*words: str) -> int:
        return int(json.loads(agentos("usage", *words, "--json"))["total"]["calls"])

    assert total("today") == 1
    assert total() == 3
    assert total("--since", "7d") == 2
    assert total("--until", "7d") == 1
    assert total("--since", (NOW - timedelta(days=500)).date().isoformat()) == 3
    assert total("--project", "/srv/old") == 1
    assert total("--model", "openai/mystery") == 1
    assert total("--client", "claude") == 0


@pytest.mark.usefixtures("calls")
def test_programs_get_json_and_comma_separated_values() -> None:
    found = json.loads(
        agentos("usage", "--by", "session", "--by", "model", "--json", "--tz", "UTC")
    )
    assert (found["by"], found["time_zone"], found["currency"]) == (
        ["session", "model"],
        *("UTC", "USD"),
    )
    rows = list(csv.DictReader(io.StringIO(agentos("usage", "--by", "session", "--csv"))))
    assert [(row["session"], row["cost"], row["unpriced_calls"]) for row in rows] == [
        ("s1", "0.008", "0"),
        ("s2", "", "1"),  # unknown, not 0
    ]


def test_nothing_used_is_said_so() -> None:
    assert agentos("usage", "week") == "Nothing was used in this time.\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--since", "yesterday"], "--since yesterday"),
        (["--tz", "Mars/Olympus"], "there is no time zone 'Mars/Olympus'"),
        (["--by", "model", "today"], "write agentos usage today --by model"),
        (["--json", "--csv"], "take one of --json and --csv"),
        (["session", "nobody"], "the ledger has no session 'nobody'"),
    ],
)
def test_a_mistake_is_told_in_a_line(words: list[str], said: str) -> None:
    assert said in agentos("usage", *words, code=1)


def test_a_session_is_told_call_by_call_with_its_lines() -> None:
    place = Provenance("gateway", 12)
    ledger(
        made(1, session="0199-aa", kind="turn", provenance=place),
        made(2, session="0199-aa", tokens=None),
        made(3, session="0199-bb"),
    )
    said = agentos("usage", "session", "0199-a").splitlines()
    assert said[1].split()[-7:] == [
        *("turn", "openai/gpt-5.4", "1,000", "0", "100"),
        *("$0.0040", "gateway:12"),
    ]
    assert said[2].split()[-5:-1] == ["unknown"] * 4
    assert "several sessions" in agentos("usage", "session", "0199", code=1)
    first = json.loads(agentos("usage", "session", "0199-aa", "--json", "-n", "1"))
    assert first["provenance"] == {"file": "gateway", "line": 12, "offset": 0}


def test_a_number_is_explained_by_files_and_lines(tmp_path: Path) -> None:
    data = Path(__file__).parents[1] / "data" / "rollouts"
    sessions = tmp_path / ".codex" / "sessions" / "2026" / "05" / "04"
    sessions.mkdir(parents=True)
    name = "rollout-2026-05-04T12-00-00-0199d0f2-0000-7000-8000-000000000001.jsonl"
    shutil.copy(data / "codex-0.169-fork.jsonl", sessions / name)
    total = json.loads(agentos("usage", "--json"))["total"]
    found = json.loads(agentos("usage", "doctor", "--json", "--lines", "1"))
    assert total["calls"] == sum(share["calls"] for share in found["files"]) > 0
    assert [share["file"] for share in found["files"]] == [str(sessions / name)]
    assert found["tokens"]["input"] == total["input"]
    said = agentos("usage", "doctor", "--lines", "1")
    place = found["calls"][0]["provenance"]
    line = (sessions / name).read_text().splitlines()[place["line"] - 1]
    assert f"{sessions / name}:{place['line']}: {line}" in said
    assert f"{total['tokens']:,}" in said


def test_what_could_not_be_looked_into_is_told_each_time(tmp_path: Path) -> None:
    sessions = tmp_path / ".codex" / "sessions"
    sessions.mkdir(parents=True)
    (sessions / "circle.jsonl").symlink_to("circle.jsonl")
    (sessions / "bad.jsonl").write_text("oops\n" * 1200)
    for _ in range(2):
        said = agentos("usage", "doctor")
        assert f"not counted: {sessions}/circle.jsonl:0: Too many levels of symbolic links" in said
        assert said.count(f"not counted: {sessions}/bad.jsonl:") == 1
        assert f"{sessions}/bad.jsonl:1: it is no JSON object" in said
        assert "(and 999 lines more)" in said
    found = json.loads(agentos("usage", "doctor", "--json"))
    assert [problem["line"] for problem in found["problems"]] == [*range(1, 1001), 0]


def test_a_controlling_word_in_a_name_does_not_reach_the_terminal() -> None:
    ledger(made(1, project="/a\x1b[2Jb"))
    assert "\x1b" not in agentos("usage", "--by", "project")


def test_budgets_are_set_told_and_cleared(tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    ledger(made(1, at=NOW, project=str(site)))
    assert "enforced by the gateway" in agentos("budget", "set", "--money", "20")
    said = agentos("budget", "set", "--tokens", "2200", "--project", str(site))
    assert f"{site}: 2,200 tokens per day; used 1,100 tokens (50%); at this pace" in said
    rows = [json.loads(line) for line in agentos("budget", "list", "--json").splitlines()]
    assert [(row["project"], row["share"]) for row in rows] == [(None, 0.0), (str(site), 0.5)]
    agentos("budget", "clear")
    agentos("budget", "clear", "--project", str(site))
    assert "There is no budget" in agentos("budget", "list")
    assert "there is no such budget" in agentos("budget", "clear", code=1)
    assert "limits nothing" in agentos("budget", "set", code=1)
    assert "empty name" in agentos("budget", "set", "--money", "20", "--profile", "", code=1)
    assert "home of a user" in agentos(
        "budget", "set", "--tokens", "1", "--project", "~nobody_such/site", code=1
    )
    agentos("budget", "set", "--tokens", "10", "--project", f"{site}/below/..")
    assert json.loads(agentos("budget", "list", "--json"))["project"] == str(site)


def test_prices_are_listed_and_shown() -> None:
    assert "openai/gpt-5.5 " in agentos("prices", "list", "gpt-5.5")
    said = agentos("prices", "show", "openai/gpt-5.5")
    assert "  input 5, output 30, cached input 0.5" in said
    assert "above 272,000 tokens of input: input 10, output 45, cached input 1" in said
    assert "the price of openai/none is not known" in agentos(
        "prices", "show", "openai/none", code=1
    )
    assert "no prices came from" in agentos("prices", "refresh", "http://127.0.0.1:1/", code=1)


def test_the_live_view_follows_and_ends_with_control_c() -> None:
    ledger(made(1, at=NOW))
    screen = pyte.Screen(120, 24)
    stream = pyte.ByteStream(screen)
    pid, terminal = pty.fork()
    if pid == 0:
        environ = {**os.environ, "COLUMNS": "120", "LINES": "24", "TERM": "xterm"}
        words = [sys.executable, "-m", "agentos", "usage", "live", "--every", "0.2"]
        os.execve(sys.executable, words, environ)
    try:
        until(terminal, screen, stream, "openai/gpt-5.4")
        ledger(made(2, at=NOW, model="mystery"))
        until(terminal, screen, stream, "openai/mystery")
        shown = "\n".join(screen.display)
        assert shown.count("Today until") == 1  # drawn over, not below
        assert "≥ $0.0040" in shown
        os.write(terminal, b"\x03")
        _, status = os.waitpid(pid, 0)
        pid = 0
        rest = drain(terminal)
        stream.feed(rest)
    finally:
        if pid:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == 0
    assert b"Traceback" not in rest
    assert not screen.cursor.hidden


def until(terminal: int, screen: pyte.Screen, stream: pyte.ByteStream, wanted: str) -> None:
    deadline = time.monotonic() + 60
    while wanted not in "\n".join(screen.display):
        assert time.monotonic() < deadline, screen.display
        if select.select([terminal], [], [], 1)[0]:
            stream.feed(os.read(terminal, 65536))


def drain(terminal: int) -> bytes:
    found = b""
    while True:
        try:
            piece = os.read(terminal, 65536)
        except OSError:  # its other end is closed
            return found
        if not piece:
            return found
        found += piece
