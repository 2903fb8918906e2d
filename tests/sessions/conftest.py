"""Sessions on the host: a scripted agent, or the real Codex, without isolation."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest

from agentos.errors import AgentOsError
from agentos.sessions import Session, SessionEvent
from agentos.sessions.create import create_session
from agentos.testing.host_machine import HostMachine
from agentos.testing.scripted_agent import ScriptedAgent

Step = Mapping[str, Any]
Scripted = Callable[..., AbstractAsyncContextManager[Session]]


@pytest.fixture
async def machine() -> AsyncIterator[HostMachine]:
    async with HostMachine() as host:
        yield host
        left = [p for p in await host.processes() if p.state != "Z"]
    assert left == [], "a session left processes behind"


@pytest.fixture
def scripted(machine: HostMachine) -> Scripted:
    """Open a session with an agent that plays these turns."""

    @asynccontextmanager
    async def open_session(
        *turns: Sequence[Step],
        opening: Sequence[Step] = (),
        remembers: bool = False,
        **options: Any,
    ) -> AsyncIterator[Session]:
        async with asyncio.timeout(30):
            agent = ScriptedAgent(turns, opening, remembers=remembers)
            async with await create_session(machine, agent, **options) as session:
                yield session

    return open_session


async def history(session: Session) -> list[SessionEvent]:
    """All events of a session that has ended, however it ended."""
    events: list[SessionEvent] = []
    with contextlib.suppress(AgentOsError):
        async for event in session.events():
            events.append(event)
    return events
