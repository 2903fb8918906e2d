"""A branch of a session, together with a branch of its machine."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from agentos.agents.machine import AgentMachine
from agentos.errors import MachineError

if TYPE_CHECKING:
    from agentos.sessions.log_of_session import OwnTranscript
    from agentos.sessions.request import SessionRequest
    from agentos.sessions.session import Session
    from agentos.sessions.starting import Starter


@runtime_checkable
class Branching(AgentMachine, Protocol):
    """A machine that can be branched."""

    async def fork(self) -> list[Branching]:
        """Make another that starts with its files."""

    async def close(self) -> None:
        """End it with its sessions."""

    def _adopted(self, session: Session) -> Session:
        """Let a session end with the machine."""


async def fork(starter: Starter, request: SessionRequest, own: OwnTranscript) -> Session:
    """Branch a machine, and in it the session of an agent that does nothing meanwhile."""
    from agentos.sessions.create import open_session

    if not isinstance(starter.machine, Branching):
        raise MachineError(
            f"the machine {starter.machine.name} has no branches", code="cannot_fork"
        )
    past = replace(await own.past(), forks=True)
    [machine] = await starter.machine.fork()
    try:
        session = await open_session(machine, starter.definition, request, past=past, owned=machine)
    except BaseException:
        await machine.close()
        raise
    return machine._adopted(session)
