"""A machine that the hub owns: made of what a request says, with a copy of a directory in it."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from agentos.hub.errors import Refused
from agentos.hub.machines.models import MachineState, NewMachine

if TYPE_CHECKING:
    from agentos.hub.machines.terminals import LiveTerminal
    from agentos.machine.machine import AgentOs
    from agentos.machine.settings import Settings
    from agentos.machine.workspace import Workspace

#: Where agents work in a machine.
WORKSPACE = "/home/agentos/workspace"


@dataclass
class OwnedMachine:
    """A machine that runs, and what belongs to it.

    Attributes:
        id: Its id, which is its name too.
        vm: The machine.
        made_of: What it was asked to be.
        copy: The workspace; that of a machine without a directory of the host was empty.
        session: The session that it is made for.
        terminals: Those that are open, by id.
        opening: How many are about to be.
        applying: Held by whoever brings the workspace's changes to the host.
    """

    id: str
    vm: AgentOs
    made_of: NewMachine
    copy: Workspace
    session: str | None = None
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    terminals: dict[str, LiveTerminal] = field(default_factory=dict)
    opening: int = 0
    applying: asyncio.Lock = field(default_factory=asyncio.Lock)

    def state(self) -> MachineState:
        """Tell of it."""
        return MachineState(
            id=self.id,
            session=self.session,
            image=self.made_of.image,
            isolation=self.made_of.isolation,
            workspace=self.made_of.workspace,
            created_at=self.created_at,
            terminals=sorted(self.terminals),
        )


def new_machine_id() -> str:
    """Make a name that no other machine has."""
    return f"vm-{secrets.token_hex(5)}"


@asynccontextmanager
async def made(wanted: NewMachine, session: str | None = None) -> AsyncIterator[OwnedMachine]:
    """Run a machine, with the directory that is to be in it.

    Raises:
        Refused: There is no such directory on the host.
        AgentOsError: It cannot be made.
    """
    from agentos.machine.machine import AgentOs
    from agentos.machine.workspace import Workspace

    id = new_machine_id()
    async with AgentOs(**_settings(wanted, id)) as vm, AsyncExitStack() as ending:
        copy = Workspace(vm, wanted.workspace or "/", WORKSPACE)
        if wanted.workspace is None:
            await vm.mkdir(WORKSPACE)
        else:
            await _copy_in(copy)
        owned = OwnedMachine(id, vm, wanted, copy, session)
        ending.push_async_callback(end_terminals, owned)
        yield owned


async def end_terminals(owned: OwnedMachine) -> None:
    """End what is open in a machine."""
    for terminal in list(owned.terminals.values()):
        await terminal.end()


async def _copy_in(copy: Workspace) -> None:
    if os.path.realpath(copy.host) == "/":
        message = "the whole of this computer cannot be copied into a machine"
        raise Refused(422, "workspace_unreadable", message, hint="name a directory of your own")
    try:
        await copy.copy_in()
    except (NotADirectoryError, FileNotFoundError, PermissionError) as error:
        raise Refused(
            422,
            "workspace_unreadable",
            f"{copy.host} cannot be copied: {error.strerror}",
            hint="name a directory of the computer that the hub runs on",
        ) from error


def _settings(wanted: NewMachine, name: str) -> Settings:
    from agentos.machine.limits.limits import Limits
    from agentos.machine.network import NetworkPolicy

    settings: Settings = {"image": wanted.image, "isolation": wanted.isolation, "name": name}
    if wanted.network is not None:
        settings["network"] = NetworkPolicy.preset(wanted.network.mode, allow=wanted.network.allow)
    if (bounds := wanted.limits) is not None:
        settings["limits"] = Limits(memory=bounds.memory, cpus=bounds.cpus, pids=bounds.pids)
    return settings
