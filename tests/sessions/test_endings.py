"""Cancelled, crashed, closed: nobody hangs and nothing is left."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from agentos.errors import AgentCrashed, AgentError, MachineError, SessionClosed, StoreError
from agentos.sessions import event_log, playing
from agentos.sessions.transcripts.kept_files import KeptFiles

from .conftest import history
from .test_model_route import ONE

if TYPE_CHECKING:
    from agentos.sessions import Session, SessionEvent, Turn
    from agentos.testing.host_machine import HostMachine

    from .conftest import Scripted


async def reached(turn: Turn, kind: str = "agent_message_chunk") -> SessionEvent:
    async for event in turn:
        if event.type == kind:
            return event
    raise AssertionError(f"the turn ended without {kind}")


async def commands(machine: HostMachine) -> list[str]:
    return [" ".join(p.command) for p in await machine.processes() if "sleep" in str(p.command)]


async def test_cancel_ends_the_turn_and_kills_what_it_started(
    scripted: Scripted, machine: HostMachine
) -> None:
    turn_steps = [
        {"run": "trap '' TERM INT HUP; sleep 1001 & sleep 1002"},
        {"leave": "sleep 1003; true"},
        {"say": "running"},
        {"hang": 1},
    ]
    async with scripted(turn_steps, [{"say": "still here"}]) as session:
        turn = session.prompt("go")
        await reached(turn)
        while len(await commands(machine)) < 4:
            await asyncio.sleep(0)
        await session.cancel()
        assert turn.done
        assert await commands(machine) == []
        assert (await turn).stop_reason == "cancelled"
        assert (await session.prompt("again")).text == "still here"


async def test_cancel_before_the_prompt_was_sent(scripted: Scripted) -> None:
    async with scripted([{"say": "never said"}]) as session:
        turn = session.prompt("go")
        await session.cancel()
        result = await turn
    assert (result.text, result.stop_reason) == ("", "cancelled")


async def test_cancel_at_any_moment_of_the_beginning(scripted: Scripted) -> None:
    async with scripted([{"hang": 1}]) as session:
        for steps in range(25):
            turn = session.prompt("go")
            for _ in range(steps):
                await asyncio.sleep(0)
            await session.cancel()
            assert (await turn).stop_reason == "cancelled"
    assert "did not stop" not in str([event.data for event in await history(session)])


async def test_cancel_without_a_turn_does_nothing(scripted: Scripted) -> None:
    async with scripted([{"say": "hi"}]) as session:
        await session.cancel()
        assert (await session.prompt("go")).text == "hi"


async def test_an_agent_that_does_not_obey_is_killed(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(playing, "CANCEL_PATIENCE", 0.01)
    monkeypatch.setattr(playing, "CANCEL_GRACE", 0.01)
    async with scripted(
        [{"say": "la"}, {"deaf": 1}], [{"say": "la"}, {"deaf": 1}], [{"say": "hi"}]
    ) as session:
        for _ in range(2):  # no crash, so it may happen again
            turn = session.prompt("go")
            await reached(turn)
            await session.cancel()
            assert (await turn).stop_reason == "cancelled"
        assert (await session.prompt("go")).text == "hi"
    events = await history(session)
    assert "did not stop" in str([e.data for e in events if e.type == "warning"])
    assert [e.data["reason"] for e in events if e.type == "agent_exited"] == [
        *("cancelled", "cancelled", "closed")
    ]


async def test_a_crash_keeps_the_end_of_stderr(scripted: Scripted) -> None:
    steps = [{"stderr": ["x", 60_000]}] * 3 + [
        {"stderr": "segmentation fault"},
        {"say": "bye"},
        {"kill": 9},
    ]
    async with scripted(steps) as session:
        with pytest.raises(AgentCrashed, match="exit code 137") as caught:
            await session.prompt("go")
    assert caught.value.stderr_tail.endswith("segmentation fault")
    assert len(caught.value.stderr_tail) == 64 * 2**10
    events = await history(session)
    assert "agent_message_chunk" in [e.type for e in events], "what it said still counts"
    exited = next(e.data for e in events if e.type == "agent_exited")
    assert (exited["exit_code"], exited["reason"]) == (137, "crashed")
    assert exited["stderr_tail"] == caught.value.stderr_tail


async def test_an_agent_that_ends_quietly_in_mid_turn_has_crashed(scripted: Scripted) -> None:
    async with scripted([{"exit": 0}]) as session:
        with pytest.raises(AgentCrashed, match="exit code 0"):
            await session.prompt("go")


async def test_an_agent_that_ends_before_the_session_is_made(
    scripted: Scripted, machine: HostMachine
) -> None:
    opening = [{"stderr": "no such model"}, {"exit": 3}]
    with pytest.raises(AgentCrashed, match="exit code 3") as caught:
        async with scripted([{"say": "hi"}], opening=opening):
            pass
    assert caught.value.stderr_tail == "no such model"
    assert await machine.processes() == []


async def test_an_agent_that_refuses_the_session(scripted: Scripted, machine: HostMachine) -> None:
    refusal = {"fail": {"code": -32602, "message": "the moon is wrong"}}
    with pytest.raises(AgentError, match="the moon is wrong"):
        async with scripted([{"say": "hi"}], opening=[refusal]):
            pass
    assert await machine.processes() == []


async def test_close_in_mid_turn_ends_everything(scripted: Scripted, machine: HostMachine) -> None:
    steps = [{"run": "sleep 1004"}, {"leave": "sleep 1005"}, {"say": "running"}, {"hang": 1}]
    async with scripted(steps) as session:
        turn = session.prompt("go")
        await reached(turn)
        await session.close()
        await session.close()
        with pytest.raises(SessionClosed):
            await turn
    assert await machine.processes() == []
    assert (await history(session))[-1].type == "agent_exited"
    assert [e async for e in session.events()] == await history(session), "no error at the end"


async def test_a_cancelled_close_still_kills(scripted: Scripted, machine: HostMachine) -> None:
    async with scripted([{"say": "x"}, {"deaf": 1}]) as session:
        turn = session.prompt("go")
        await reached(turn)
        closing = asyncio.create_task(session.close())
        await asyncio.sleep(0)
        closing.cancel()
        await asyncio.wait({closing})
    assert await machine.processes() == []


async def test_a_close_that_is_cancelled_while_it_waits_for_the_store_lets_go_of_the_rest(
    scripted: Scripted, machine: HostMachine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AGENTOS_STORE_URL", f"sqlite:///{tmp_path}/store.db")
    async with scripted([{"say": "x"}], provider=ONE) as session:
        assert machine.network.routes
        with closing(sqlite3.connect(tmp_path / "store.db")) as other:
            other.execute("begin immediate")
            ending = asyncio.create_task(session.close())
            await asyncio.wait({session._work.running})
            await asyncio.sleep(0)
            ending.cancel()
        await asyncio.wait({ending})
        assert ending.cancelled()
        assert machine.network.routes == {}


async def test_what_nobody_has_foreseen_is_told_to_whoever_waits(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def put_back(*_: object) -> None:
        raise ZeroDivisionError("of all things")

    monkeypatch.setattr(KeptFiles, "put_back", put_back)  # when the agent is started again
    async with scripted([{"exit": 1}]) as session:
        first, second = session.prompt("go"), session.prompt("go on")
        with pytest.raises(AgentCrashed):
            await first
        with pytest.raises(AgentError, match="ZeroDivisionError: of all things") as caught:
            await second
        assert caught.value.code == "session_broken"
        with pytest.raises(AgentError, match="of all things"):
            async for _ in session.events():
                pass


async def test_streams_end_when_the_machine_ends(scripted: Scripted, machine: HostMachine) -> None:
    async with scripted([{"say": "x"}, {"hang": 1}]) as session:
        turn = session.prompt("go")
        await reached(turn)

        async def read(session: Session) -> None:
            async for _ in session.events():
                pass

        reader = asyncio.create_task(read(session))
        await machine.close()
        with pytest.raises(MachineError):
            await turn
        with pytest.raises(MachineError):
            await reader


async def test_a_store_that_is_stuck_ends_the_agent_before_memory_does(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AGENTOS_STORE_URL", f"sqlite:///{tmp_path}/store.db")
    monkeypatch.setattr(event_log, "MOST_WAITING", 500)
    async with scripted([*[{"say": "word"}] * 2000, {"hang": 1}]) as session:
        with closing(sqlite3.connect(tmp_path / "store.db")) as other:
            other.execute("begin immediate")
            turn = session.prompt("go")
            await session._log.failed
        with pytest.raises(StoreError) as caught:
            await turn
    assert caught.value.code == "store_stuck"
