"""An agent that crashes is started again once; one that is idle rests until it is needed."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

import pytest

from agentos.errors import AgentCrashed, AgentError, ConfigInvalid, SessionClosed

from .conftest import history

if TYPE_CHECKING:
    from agentos.sessions import Session, SessionEvent
    from agentos.testing.host_machine import HostMachine

    from .conftest import Scripted

CRASH = [{"say": "oh no"}, {"kill": 9}]


async def event(session: Session, kind: str, after: int = 0) -> SessionEvent:
    async for found in session.events(after):
        if found.type == kind:
            return found
    raise AssertionError(f"the session ended without {kind}")


async def kinds(session: Session) -> list[str]:
    shown = ("agent_started", "agent_exited", "turn_started", "turn_ended")
    return [e.type for e in await history(session) if e.type in shown]


@pytest.mark.parametrize(("remembers", "how"), [(True, "agent"), (False, "transcript")])
async def test_a_crash_fails_its_turn_and_the_session_goes_on(
    scripted: Scripted, remembers: bool, how: str
) -> None:
    async with scripted(CRASH, [{"say": "I am back"}], remembers=remembers) as session:
        turn = session.prompt("go")
        queued = session.prompt("and then")
        with pytest.raises(AgentCrashed, match="exit code 137"):
            await turn
        assert (await queued).text == "I am back"
        assert session.resumed is not None
        assert session.resumed.how == how
    assert await kinds(session) == [
        *("agent_started", "turn_started", "turn_ended", "agent_exited"),
        *("agent_started", "turn_started", "turn_ended", "agent_exited"),
    ]
    started = [e.data for e in await history(session) if e.type == "agent_started"]
    assert "resumed" not in started[0]
    assert started[1]["resumed"]["how"] == how


async def test_a_second_crash_ends_the_session(scripted: Scripted) -> None:
    async with scripted(CRASH) as session:
        turns = [session.prompt("go"), session.prompt("again"), session.prompt("never begun")]
        for turn in turns:
            with pytest.raises(AgentCrashed):
                await turn
        stream = session.events()
        last = [await anext(stream) for _ in range(len(await history(session)))][-1]
        with pytest.raises(AgentCrashed):
            await anext(stream)
        assert last.type == "agent_exited"
        with pytest.raises(SessionClosed):
            session.prompt("more")
        with pytest.raises(SessionClosed):
            await session.set_mode("plan")
    assert (await kinds(session)).count("agent_started") == 2


async def test_a_turn_that_ends_well_forgives_a_crash(scripted: Scripted) -> None:
    well = [{"say": "well"}]
    async with scripted(CRASH, well, CRASH, well) as session:
        for _ in range(2):
            with pytest.raises(AgentCrashed):
                await session.prompt("go")
            assert (await session.prompt("go on")).text == "well"


async def test_an_agent_that_dies_between_turns_is_started_again(
    scripted: Scripted, machine: HostMachine
) -> None:
    async with scripted([{"say": "hi"}], remembers=True) as session:
        await session.prompt("go")
        [agent] = [p for p in await machine.processes() if "scripted_agent" in str(p.command[1:3])]
        await machine.signal(agent.pid, signal.SIGKILL)
        exited = await event(session, "agent_exited")
        await event(session, "agent_started", exited.seq)
        assert (await session.prompt("go")).text == "hi"


async def test_an_agent_that_does_not_start_again_ends_the_session(
    scripted: Scripted, machine: HostMachine
) -> None:
    opening = [{"exit_if": ".crashed"}]
    crash = [{"write": ".crashed"}, *CRASH]
    async with scripted(crash, opening=opening) as session:
        with pytest.raises(AgentCrashed, match="exit code 137"):
            await session.prompt("go")
        with pytest.raises(AgentCrashed, match="exit code 4"):
            async for _ in session.events():
                pass
        assert session.closed
        assert await machine.processes() == []
    said = [e.data["message"] for e in await history(session) if e.type == "warning"]
    assert "could not be started again" in said[-1]


async def test_what_was_chosen_is_chosen_again(scripted: Scripted) -> None:
    async with scripted(CRASH, [{"say": "hi"}], mode="plan", remembers=True) as session:
        await session.set_mode("code")
        with pytest.raises(AgentCrashed):
            await session.prompt("go")
        await session.prompt("go")
    modes = [
        e.data["currentModeId"] for e in await history(session) if e.type == "current_mode_update"
    ]
    assert modes == ["plan", "code", "code"]


async def test_a_mode_that_is_none(scripted: Scripted, machine: HostMachine) -> None:
    with pytest.raises(AgentError, match="no such mode"):
        async with scripted([{"say": "hi"}], mode="nonsense"):
            pass
    assert await machine.processes() == []


async def test_an_idle_agent_rests_and_comes_back(scripted: Scripted, machine: HostMachine) -> None:
    async with scripted(
        [{"say": "one"}], [{"say": "two"}], idle_timeout=0.01, remembers=True
    ) as session:
        assert (await session.prompt("go")).text == "one"
        exited = await event(session, "agent_exited")
        assert exited.data["reason"] == "idle"
        assert exited.data["error"] is None
        assert await machine.processes() == []
        assert (await session.prompt("go")).text == "two"
        again = await event(session, "agent_started", exited.seq)
        assert again.data["resumed"]["how"] == "agent"
        await event(session, "agent_exited", again.seq)
        await session.set_mode("plan")
        await event(session, "current_mode_update", again.seq)
    assert (await kinds(session)).count("agent_started") == 3


async def test_an_agent_whose_command_runs_is_not_idle(
    scripted: Scripted, machine: HostMachine
) -> None:
    async with scripted([{"run": "sleep 1010"}], idle_timeout=0.01) as session:
        await session.prompt("go")
        looked = asyncio.Event()
        seen = 0
        listed = machine.processes

        async def counted() -> object:
            nonlocal seen
            seen += 1
            if seen == 3:
                looked.set()
            return await listed()

        machine.processes = counted  # type: ignore[method-assign,assignment]
        await looked.wait()
        [sleeper] = [p for p in await listed() if p.command == ("sleep", "1010")]
        await machine.signal(sleeper.pid, signal.SIGKILL)
        assert (await event(session, "agent_exited")).data["reason"] == "idle"


async def test_closing_a_session_that_rests(scripted: Scripted) -> None:
    async with scripted([{"say": "one"}], idle_timeout=0.01) as session:
        await event(session, "agent_exited")
    assert (await kinds(session)) == ["agent_started", "agent_exited"]


async def test_closing_while_the_agent_wakes(scripted: Scripted, machine: HostMachine) -> None:
    async with scripted([{"say": "one"}], idle_timeout=0.01) as session:
        await event(session, "agent_exited")
        turn = session.prompt("go")
        while not await machine.processes():
            await asyncio.sleep(0)
        await session.close()
        with pytest.raises(SessionClosed):
            await turn
    assert await machine.processes() == []


@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
async def test_an_idle_timeout_that_is_none(scripted: Scripted, seconds: float) -> None:
    with pytest.raises(ConfigInvalid, match="idle_timeout"):
        async with scripted([{"say": "hi"}], idle_timeout=seconds):
            pass
