"""The routes of machines: make them, run commands in them, end them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from agentos.errors import LimitExceeded
from agentos.hub.auth.needs import needs
from agentos.hub.errors import Refused
from agentos.hub.gone import unless_gone
from agentos.hub.machines.looking import unreadable
from agentos.hub.machines.models import (
    Command,
    CommandResult,
    MachineDetail,
    MachineId,
    MachineList,
    MachineState,
    MachineStats,
    NewMachine,
)
from agentos.hub.machines.registry import MachineOwner
from agentos.hub.scopes import Principal, Scope
from agentos.hub.tagged import tagged

router = APIRouter(prefix="/api/v1/machines", tags=["machines"])
Owner = Annotated[Principal, needs(Scope.ALL)]
#: Bytes of each stream that a command may write.
MOST_OUTPUT = 4_000_000


def machines_of(request: Request) -> MachineOwner:
    """Return the one who holds the hub's machines."""
    owner: MachineOwner = request.app.state.machines
    return owner


Machines = Annotated[MachineOwner, Depends(machines_of)]


@router.get("", response_model=MachineList)
async def machines(request: Request, principal: Owner, owned: Machines) -> Response:
    """List the machines, with those of sessions."""
    return tagged(request, MachineList(machines=[machine.state() for machine in owned.all]))


@router.post("", status_code=201)
async def make_machine(
    request: Request, principal: Owner, owned: Machines, wanted: NewMachine
) -> MachineState:
    """Make a machine; one whose client does not wait for the answer is not kept."""
    return (await unless_gone(request, owned.make(wanted))).state()


@router.get("/{id}")
async def machine(principal: Owner, owned: Machines, id: MachineId) -> MachineDetail:
    """Tell of a machine, with what it uses now."""
    found = owned.require(id)
    stats = MachineStats.model_validate(asdict(await found.vm.stats()))
    return MachineDetail(**found.state().model_dump(), stats=stats)


@router.delete("/{id}", status_code=204)
async def end_machine(principal: Owner, owned: Machines, id: MachineId) -> None:
    """End a machine that was made by itself; that of a session ends with it."""
    await owned.end(id)


@router.post("/{id}/exec")
async def run_command(
    request: Request, principal: Owner, owned: Machines, id: MachineId, command: Command
) -> CommandResult:
    """Run a command to its end; it is killed if its client goes away."""
    words = command.argv or command.command
    if words is None or (command.argv and command.command):
        raise Refused(422, "request_invalid", "a command has either `argv` or `command`")
    work = owned.require(id).vm.exec(words, timeout=command.timeout, max_output=MOST_OUTPUT)
    try:
        result = await unless_gone(request, work)
    except (OSError, ValueError) as error:
        raise unreadable(command.argv[0] if command.argv else "sh", error) from error
    except LimitExceeded as error:
        raise Refused(422, error.code, error.message, hint=error.hint) from error
    return CommandResult(stdout=result.stdout, stderr=result.stderr, exit_code=result.exit_code)
