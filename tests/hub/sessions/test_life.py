"""Hubs as processes: what becomes of their sessions when they end, are replaced, or are killed."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import children_of
from tests.hub.lifecycle.conftest import PATIENCE, Place

from agentos.config import data_dir
from agentos.hub.client import HubClient
from agentos.hub.sessions.models import NewSession, Renewal, SessionState
from agentos.models.rehearsal import RehearsalModel, Scenario, Step


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A state directory, a home and a data directory of the test's own, without a hub."""
    found = Place(tmp_path)
    (tmp_path / "data").mkdir()
    for shared in ("software", "images"):
        if (data_dir() / shared).exists():
            (tmp_path / "data" / shared).symlink_to(data_dir() / shared)
    found.environment |= {
        "AGENTOS_DATA_DIR": str(tmp_path / "data"),
        "CODEX_HOME": str(tmp_path / "codex"),
    }
    yield found
    for pid in found.processes():
        os.kill(pid, signal.SIGKILL)


def wanted(model: RehearsalModel, **more: Any) -> NewSession:
    env = {"OPENAI_API_KEY": model.api_key, "OPENAI_BASE_URL": model.base_url}
    said = {"agent": "codex", "model": "gpt-5.5", "permission": "allow", "env": env}
    return NewSession.model_validate(said | more)


def model_of(*steps: Step) -> RehearsalModel:
    return RehearsalModel(Scenario(steps=list(steps)))


async def until(hub: HubClient, id: str, is_it: Callable[[SessionState], bool]) -> SessionState:
    async with asyncio.timeout(PATIENCE):
        async for item in hub.follow(id):
            if isinstance(item, SessionState) and is_it(item):
                return item
    raise AssertionError


def found(place: Place) -> HubClient:
    hub = HubClient.find(place.state)
    assert hub is not None
    return hub


def descendants(pid: int) -> set[int]:
    children = children_of(pid)
    return children.union(*(descendants(child) for child in children))


def require_gone(pids: set[int]) -> None:
    deadline = time.monotonic() + PATIENCE
    while left := [pid for pid in pids if runs(pid)]:
        assert time.monotonic() < deadline, left
        time.sleep(0.02)


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def left_in(directory: Path) -> list[str]:
    """What is in the data directory apart from what later machines use, and transcripts."""
    kept = ("software", "images", "sessions", "agentos.db")
    return sorted(
        str(path.relative_to(directory))
        for path in directory.rglob("*")
        if path.is_file() and not path.relative_to(directory).parts[0].startswith(kept)
    )


async def test_a_hub_that_is_killed_leaves_nothing_but_the_transcript(place: Place) -> None:
    async with model_of(Step(say="One."), Step(run="sleep 600"), Step(say="Two.")) as model:
        pid = place.up()["pid"]
        mounts = len(Path("/proc/self/mountinfo").read_text().splitlines())
        before = left_in(place.root / "data")
        async with found(place) as hub:
            id = (await hub.begin(wanted(model, prompt="My colour is blue."))).id
            await until(hub, id, lambda state: state.state == "idle" and state.turns == 1)
            await hub.prompt(id, "Go on.")
            await until(hub, id, lambda state: state.turns == 2)
        inside = descendants(pid)
        assert len(inside) >= 2
        os.kill(pid, signal.SIGKILL)
        require_gone({pid, *inside})
        assert len(Path("/proc/self/mountinfo").read_text().splitlines()) == mounts
        assert left_in(place.root / "data") == before
        place.up()
        async with found(place) as hub:
            [state] = (await hub.sessions()).sessions
            assert (state.id, state.state, state.live) == (id, "interrupted", False)
            assert state.title == "My colour is blue."
            renewed = Renewal(env=wanted(model).env)
            again = await hub.resume(id, renewed)
            assert (again.id, again.live, again.turns) == (id, True, 2)
            await hub.prompt(id, "Which colour?")
            await until(hub, id, lambda state: state.state == "idle" and state.turns == 3)
            assert "My colour is blue." in json.dumps(model.turns[-1].body)
            numbers = [event.seq for event in (await hub.events(id, limit=2000)).events]
            assert numbers == list(range(1, len(numbers) + 1))
        assert place.agentos("down", "--yes").returncode == 0
        place.require_nothing_left()


async def test_ending_or_restarting_a_hub_with_sessions_asks_first(place: Place) -> None:
    async with model_of(Step(say="One.")) as model:
        pid = place.up()["pid"]
        async with found(place) as hub:
            id = (await hub.begin(wanted(model))).id
            for word in ("down", "restart"):
                ran = place.agentos(word)
                assert ran.returncode == 1
                assert (
                    "the hub holds 1 session, none at work; what it holds would end" in ran.stderr
                )
                assert "--yes" in ran.stderr
            assert asked_at_a_terminal(place, "down", b"n\n") == 1
            assert (place.running()["pid"], (await hub.session(id)).live) == (pid, True)
            inside = descendants(pid)
            ran = place.agentos("restart", "--yes")
            assert ran.returncode == 0, ran.stderr
            require_gone({pid, *inside})
            ended = await until(hub, id, lambda state: not state.live)
            assert ended.state in ("ended", "interrupted")
            assert (await hub.session(id)).state == "ended"
            assert (await hub.resume(id, Renewal(env=wanted(model).env))).live
        assert asked_at_a_terminal(place, "down", b"y\n") == 0
        place.require_nothing_left()


def asked_at_a_terminal(place: Place, word: str, answer: bytes) -> int:
    """Run a command at a terminal, answer its question, and return its exit code."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        place.command(word), stdin=theirs, stdout=theirs, stderr=theirs, env=place.environment
    )
    os.close(theirs)
    shown = b""
    while b"End what it holds?" not in shown:
        shown += os.read(ours, 1000)
    os.write(ours, answer)
    try:
        while os.read(ours, 1000):
            pass
    except OSError:
        pass  # nobody has the terminal open any more
    os.close(ours)
    return process.wait(PATIENCE)


async def test_a_stream_goes_on_with_the_next_hub(place: Place) -> None:
    async with model_of(Step(say="One.")) as model:
        place.up()
        async with found(place) as hub:
            id = (await hub.begin(wanted(model, prompt="Go."))).id
            await until(hub, id, lambda state: state.state == "idle" and state.turns == 1)
            seen: list[int] = []
            states: list[SessionState] = []
            resumed = asyncio.Event()

            async def follow() -> None:
                async for item in hub.follow(id):
                    if isinstance(item, SessionState):
                        states.append(item)
                        if not item.live:
                            resumed.set()
                    else:
                        seen.append(item.seq)
                        if item.type == "agent_started" and item.data.get("resumed"):
                            return

            following = asyncio.create_task(follow())
            ran = await asyncio.to_thread(place.agentos, "restart", "--yes")
            assert ran.returncode == 0, ran.stderr
            async with asyncio.timeout(PATIENCE):
                await resumed.wait()
                async with found(place) as next_hub:
                    while (await next_hub.session(id)).state != "ended":
                        await asyncio.sleep(0.05)
                    await next_hub.resume(id, Renewal(env=wanted(model).env))
                await following
            assert seen == list(range(1, len(seen) + 1))
        assert place.agentos("down", "--yes").returncode == 0
        place.require_nothing_left()
