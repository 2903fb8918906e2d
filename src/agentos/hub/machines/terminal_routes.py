"""The routes of terminals: what they show is a stream, what is typed are requests.

WebSockets of browsers carry no header, and a header is half of a page's session.
"""

from __future__ import annotations

import base64
import binascii
from typing import Annotated

from fastapi import APIRouter, Header, Path, Query, Request
from fastapi.responses import StreamingResponse

from agentos.hub.errors import Refused
from agentos.hub.machines.models import MachineId, TerminalOpened, TerminalSize, Typed
from agentos.hub.machines.routes import Machines, Owner
from agentos.hub.machines.terminals import open_terminal

router = APIRouter(prefix="/api/v1", tags=["terminals"])
TerminalId = Annotated[str, Path(pattern=r"^terminal-[0-9a-f]{16}$")]
_LARGEST = 2**62


@router.post("/machines/{id}/terminals", status_code=201)
async def begin_machine_terminal(
    principal: Owner, owned: Machines, id: MachineId, size: TerminalSize
) -> TerminalOpened:
    """Start a shell on a terminal of a machine."""
    machine = owned.require(id)
    return TerminalOpened(id=(await open_terminal(machine, size.rows, size.columns)).id)


@router.get("/terminals/{tid}/output", response_class=StreamingResponse)
async def terminal_output(
    request: Request,
    principal: Owner,
    owned: Machines,
    tid: TerminalId,
    after: Annotated[int, Query(ge=0, le=_LARGEST, description="Bytes that are known.")] = 0,
    last_event_id: Annotated[int | None, Header(ge=0, le=_LARGEST)] = None,
) -> StreamingResponse:
    """Follow what a terminal shows, in base64; `gap` tells how many bytes are kept no more."""
    terminal = owned.terminal(tid)
    place = after if last_event_id is None else last_event_id
    return StreamingResponse(
        terminal.output(place, request.app.state.hub_closing),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"},
    )


@router.post("/terminals/{tid}/input", status_code=204)
async def type_into_terminal(
    principal: Owner, owned: Machines, tid: TerminalId, typed: Typed
) -> None:
    """Type into a terminal."""
    try:
        data = base64.b64decode(typed.data, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refused(422, "request_invalid", f"`data` is no base64: {error}") from error
    await owned.terminal(tid).type(data)


@router.post("/terminals/{tid}/size", status_code=204)
async def resize_terminal(
    principal: Owner, owned: Machines, tid: TerminalId, size: TerminalSize
) -> None:
    """Change a terminal's size; the programs on it are told."""
    owned.terminal(tid).resize(size.rows, size.columns)


@router.delete("/terminals/{tid}", status_code=204)
async def end_terminal(principal: Owner, owned: Machines, tid: TerminalId) -> None:
    """Kill what runs on a terminal, and forget it."""
    terminal = owned.terminal(tid)
    await terminal.end()
    for machine in owned.all:
        machine.terminals.pop(tid, None)
