"""The hub's log and the active project on the command line, with no hub."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agentos.hub.telemetry.event import HubEvent, Kind
from agentos.hub.telemetry.telemetry import Telemetry
from agentos.store import Store


def agentos(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "agentos", *words], capture_output=True, text=True, check=False
    )


def record(events: Sequence[HubEvent]) -> None:
    async def write() -> None:
        store = await Store.open()
        async with Telemetry(store) as telemetry:
            for event in events:
                telemetry.record(event)
        await store.close()

    asyncio.run(write())


@pytest.fixture(autouse=True)
def _places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENTOS_STORE_URL", f"sqlite:///{tmp_path}/agentos.db")
    monkeypatch.setenv("AGENTOS_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("AGENTOS_HOME", str(tmp_path / "home"))


@pytest.fixture
def events() -> None:
    """Some events, the first of them an old one."""
    old = datetime.now(UTC) - timedelta(hours=3)
    record(
        [
            HubEvent(kind=Kind.HTTP, name="POST /mcp", client="codex", at=old),
            HubEvent(kind=Kind.TOOL, name="agentOS_fs_read", client="codex"),
            HubEvent(kind=Kind.TOOL, name="agentOS_fs_list", client="claude", outcome="failed"),
        ]
    )


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ([], ["POST /mcp", "agentOS_fs_read", "agentOS_fs_list"]),
        (["--limit", "1"], ["agentOS_fs_list"]),
        (["--kind", "http"], ["POST /mcp"]),
        (["--client", "codex"], ["POST /mcp", "agentOS_fs_read"]),
        (["--tool", "agentOS_fs_read"], ["agentOS_fs_read"]),
        (["--since", "2h"], ["agentOS_fs_read", "agentOS_fs_list"]),
        (["--errors"], ["agentOS_fs_list"]),
    ],
)
@pytest.mark.usefixtures("events")
def test_options_choose_what_is_shown(words: list[str], names: list[str]) -> None:
    ran = agentos("log", *words)
    assert ran.returncode == 0, ran.stderr
    assert [json.loads(line)["name"] for line in ran.stdout.splitlines()] == names


@pytest.mark.parametrize(
    "words", [["--since", "soon"], ["--since", "9999999999w"], ["--kind", "x"]]
)
def test_what_cannot_be_meant_is_said(words: list[str]) -> None:
    ran = agentos("log", *words)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "Traceback" not in ran.stderr
    assert words[1] in ran.stderr


@pytest.mark.usefixtures("events")
def test_a_terminal_gets_a_table() -> None:
    leader, follower = pty.openpty()
    try:
        ran = subprocess.run(
            [sys.executable, "-m", "agentos", "log"],
            stdout=follower,
            check=True,
            env={**os.environ, "COLUMNS": "160", "TERM": "xterm"},
        )
        assert ran.returncode == 0
        shown = os.read(leader, 65536).decode()
    finally:
        os.close(follower)
        os.close(leader)
    assert "outcome" in shown
    assert "agentOS_fs_list" in shown
    assert "{" not in shown


@pytest.mark.usefixtures("events")
def test_following_goes_on_with_what_comes() -> None:
    command = [sys.executable, "-m", "agentos", "log", "--follow", "--kind", "tool"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as following:
        assert following.stdout is not None
        past = [json.loads(following.stdout.readline())["name"] for _ in range(2)]
        record([HubEvent(kind=Kind.HTTP, name="x"), HubEvent(kind=Kind.TOOL, name="new")])
        new = json.loads(following.stdout.readline())
        following.send_signal(signal.SIGINT)
        assert following.wait() == 130
    assert past == ["agentOS_fs_read", "agentOS_fs_list"]
    assert new["name"] == "new"


def test_a_project_is_chosen_shown_and_cleared(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "agentos.toml").write_text(
        f'[[projects]]\nname = "website"\npath = "{tmp_path}"\n'
        f'[[projects]]\nname = "billing"\npath = "{tmp_path}"\n'
    )
    assert agentos("project", "show").returncode == 1
    assert agentos("project", "use", "website").returncode == 0
    assert agentos("project", "use", "billing", "--client", "codex").returncode == 0
    assert agentos("project", "show").stdout.split() == ["website", str(tmp_path)]
    assert (
        json.loads(agentos("project", "show", "-c", "codex", "--json").stdout)["name"] == "billing"
    )
    listed = agentos("project", "list").stdout.splitlines()
    assert [line.split()[:2] for line in listed] == [["*", "website"], ["billing", str(tmp_path)]]
    assert "(of codex)" in listed[1]
    refused = agentos("project", "use", "elsewhere")
    assert refused.returncode == 1
    assert "billing, website" in refused.stderr
    assert agentos("project", "clear").returncode == 0
    assert agentos("project", "show").returncode == 1
