"""The routes of what is in a session's machine: its changes, its files, its terminals."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from agentos.hub.machines import looking
from agentos.hub.machines.models import FileText, Listing, TerminalOpened, TerminalSize
from agentos.hub.machines.owned import WORKSPACE
from agentos.hub.machines.terminals import open_terminal
from agentos.hub.sessions import workspace
from agentos.hub.sessions.models import Applied, SessionDiff, SessionId
from agentos.hub.sessions.routes import Owner, Sessions
from agentos.hub.tagged import tagged

router = APIRouter(prefix="/api/v1/sessions/{id}", tags=["sessions"])
InMachine = Annotated[
    str, Query(min_length=1, max_length=4096, description="Absolute, or from the home directory.")
]


@router.get("/diff", response_model=SessionDiff)
async def diff(
    request: Request,
    principal: Owner,
    owned: Sessions,
    id: SessionId,
    most: Annotated[int, Query(ge=0, le=50_000_000, description="Characters of the patch.")] = (
        1_000_000
    ),
) -> Response:
    """Tell what the agent changed in its workspace."""
    machine = (await owned.require(id)).opened.machine
    return tagged(request, await workspace.diff(machine, most))


@router.post("/apply")
async def apply(principal: Owner, owned: Sessions, id: SessionId) -> Applied:
    """Bring the changes to the host's directory: all of them, or none if there are conflicts."""
    return await workspace.apply((await owned.require(id)).opened.machine)


@router.get("/files", response_model=Listing)
async def files(
    request: Request, principal: Owner, owned: Sessions, id: SessionId, path: InMachine = WORKSPACE
) -> Response:
    """List a directory of the machine."""
    vm = (await owned.require(id)).opened.machine.vm
    return tagged(request, await looking.listing(vm, path))


@router.get("/file", response_model=FileText)
async def file(
    request: Request, principal: Owner, owned: Sessions, id: SessionId, path: InMachine
) -> Response:
    """Read a file of the machine."""
    vm = (await owned.require(id)).opened.machine.vm
    return tagged(request, await looking.text(vm, path))


@router.post("/terminals", status_code=201)
async def begin_terminal(
    principal: Owner, owned: Sessions, id: SessionId, size: TerminalSize
) -> TerminalOpened:
    """Start a shell on a terminal of the session's machine."""
    machine = (await owned.require(id)).opened.machine
    return TerminalOpened(id=(await open_terminal(machine, size.rows, size.columns)).id)
