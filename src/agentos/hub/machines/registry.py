"""The machines that the hub owns: those of its sessions, and those made by themselves."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable

from agentos.hub.errors import Refused, hub_closing
from agentos.hub.holding import EndedEarly, Holding
from agentos.hub.machines.models import NewMachine
from agentos.hub.machines.owned import OwnedMachine, made
from agentos.hub.machines.terminals import LiveTerminal

_logger = logging.getLogger(__name__)
#: Machines that were made by themselves.
MOST_MACHINES = 32


class MachineOwner:
    """Makes machines, finds them and those of sessions, and ends them all with the hub.

    Args:
        of_sessions: Names the machines that end with their sessions.
    """

    def __init__(self, of_sessions: Callable[[], Iterable[OwnedMachine]]) -> None:
        self._of_sessions = of_sessions
        self._held: set[Holding[OwnedMachine]] = set()
        self._own: dict[str, tuple[OwnedMachine, Holding[OwnedMachine]]] = {}
        self._closing = False

    @property
    def all(self) -> list[OwnedMachine]:
        """Every machine, oldest first."""
        own = (machine for machine, _ in self._own.values())
        return sorted((*own, *self._of_sessions()), key=lambda one: one.created_at)

    def require(self, id: str) -> OwnedMachine:
        """Return a machine.

        Raises:
            Refused: There is none of this id.
        """
        for machine in self.all:
            if machine.id == id:
                return machine
        message = f"there is no machine {id!r}"
        raise Refused(404, "machine_not_found", message, hint="GET /api/v1/machines")

    def terminal(self, id: str) -> LiveTerminal:
        """Return a terminal of one of the machines.

        Raises:
            Refused: There is none of this id.
        """
        for machine in self.all:
            if id in machine.terminals:
                return machine.terminals[id]
        raise Refused(404, "terminal_not_found", f"there is no terminal {id!r}")

    async def make(self, wanted: NewMachine) -> OwnedMachine:
        """Make a machine.

        Raises:
            Refused: There are too many, or the hub ends.
            AgentOsError: It cannot be made.
        """
        if self._closing:
            raise hub_closing()
        if len(self._held) >= MOST_MACHINES:
            message = f"the hub has made {MOST_MACHINES} machines already"
            raise Refused(429, "too_many_machines", message, hint="end one of them")
        holding = Holding(made(wanted), "machine")
        self._held.add(holding)
        try:
            machine = await holding.entered()
        except BaseException as error:
            await holding.end()
            self._held.discard(holding)
            if isinstance(error, EndedEarly):
                raise hub_closing() from error
            raise
        self._own[machine.id] = machine, holding
        return machine

    async def end(self, id: str) -> None:
        """End a machine that was made by itself.

        Raises:
            Refused: There is none, or it is a session's.
        """
        machine = self.require(id)
        if machine.session is not None:
            raise Refused(
                409,
                "machine_of_session",
                f"machine {id} is that of session {machine.session}",
                hint=f"DELETE /api/v1/sessions/{machine.session} ends both",
            )
        _, holding = self._own.pop(id)
        await asyncio.shield(self._end(holding))

    async def end_all(self) -> None:
        """End what was made by itself, now and from now on."""
        self._closing = True
        self._own.clear()
        async with asyncio.TaskGroup() as group:
            for holding in list(self._held):
                group.create_task(self._end(holding))

    async def _end(self, holding: Holding[OwnedMachine]) -> None:
        error = await holding.end()
        self._held.discard(holding)
        if error is not None:
            _logger.warning("a machine did not end well: %s", error)
