"""An agent that writes what it should not: the session says so, and others are unharmed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from tests.software.conftest import data, registry

from agentos.errors import AgentCrashed, RegistryUnreachable
from agentos.sessions.create import create_session
from agentos.testing.scripted_agent import ScriptedAgent

from .conftest import history

if TYPE_CHECKING:
    from pathlib import Path

    from tests.software.conftest import Registry

    from agentos.sessions import Session
    from agentos.testing.host_machine import HostMachine

    from .conftest import Scripted

__all__ = ["data", "registry"]


async def warnings_of(session: Session) -> list[str]:
    return [e.data["message"] for e in await history(session) if e.type == "warning"]


async def test_half_a_line_and_the_end(scripted: Scripted) -> None:
    async with scripted([{"half": '{"jsonrpc": "2.0", "meth'}, {"exit": 0}]) as session:
        with pytest.raises(AgentCrashed, match="exit code 0"):
            await session.prompt("go")
    assert any('"meth' in message for message in await warnings_of(session))


async def test_half_a_line_and_silence_is_cancelled(scripted: Scripted) -> None:
    steps = [{"say": "hm"}, {"half": '{"jsonrpc": "2.0", "meth'}, {"hang": 1}]
    async with scripted(steps) as session:
        turn = session.prompt("go")
        async for event in turn:
            if event.type == "agent_message_chunk":
                break
        await session.cancel()
        assert (await turn).stop_reason == "cancelled"


async def test_a_line_of_100_mb_is_skipped(scripted: Scripted) -> None:
    async with scripted([{"raw": ["x", 100 * 2**20]}, {"say": "ok"}]) as session:
        assert (await session.prompt("go")).text == "ok"
    assert any("too long" in message for message in await warnings_of(session))


async def test_another_session_of_the_machine_is_unharmed(
    scripted: Scripted, machine: HostMachine
) -> None:
    bad = ScriptedAgent([[{"half": "{"}, {"kill": 9}]])
    async with scripted([{"say": "fine"}]) as good:
        async with await create_session(machine, bad) as session:
            for _ in range(2):
                with pytest.raises(AgentCrashed):
                    await session.prompt("go")
            assert (await good.prompt("how are you?")).text == "fine"
        assert (await good.prompt("and now?")).text == "fine"


async def test_an_install_that_breaks_off_leaves_no_session(
    registry: Registry, data: Path, scripted: Scripted, machine: HostMachine
) -> None:
    del data  # where it would be installed
    agent = ScriptedAgent([[{"say": "installed"}]])
    agent.software = [registry.pip_package("tool", {"tool/noise": (os.urandom(300_000), 0o644)})]
    async with scripted([{"say": "fine"}]) as good:
        registry.breaks_off = True
        with pytest.raises(RegistryUnreachable):
            await create_session(machine, agent)
        assert (await good.prompt("how are you?")).text == "fine"
        registry.breaks_off = False
        async with await create_session(machine, agent) as session:
            assert (await session.prompt("and you?")).text == "installed"
