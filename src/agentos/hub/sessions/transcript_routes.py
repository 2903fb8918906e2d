"""The routes of what happened in a session: by pages, and live."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import StreamingResponse

from agentos.hub.errors import Refused
from agentos.hub.sessions.models import Event, EventPage, SessionId, SessionUsage
from agentos.hub.sessions.routes import Owner, Sessions
from agentos.hub.sessions.stream import stream
from agentos.hub.sessions.used import usage_of
from agentos.hub.tagged import tagged

router = APIRouter(prefix="/api/v1/sessions/{id}", tags=["sessions"])
_LARGEST = 2**62
Place = Annotated[int | None, Query(ge=0, le=_LARGEST)]


@router.get("/events", response_model=EventPage)
async def events(
    request: Request,
    principal: Owner,
    owned: Sessions,
    id: SessionId,
    after: Place = None,
    before: Place = None,
    limit: Annotated[int, Query(ge=1, le=2000)] = 500,
) -> Response:
    """Read a part of the transcript: what is after an event, or what is before one."""
    if after is not None and before is not None:
        raise Refused(422, "page_unknown", "a page is after an event or before one, not both")
    last = (await owned.state(id)).last_seq
    begin = min(after or 0, last)
    if before is not None:
        end = min(before, last + 1)
        begin = max(0, end - 1 - limit)
        limit = max(0, end - 1 - begin)
    found = [event async for event in owned.transcripts.read(id, begin, limit)]
    first_seq, last_seq = (found[0].seq, found[-1].seq) if found else (begin + 1, begin)
    page = EventPage(
        events=[Event(**asdict(event)) for event in found],
        next=last_seq if last_seq < last else None,
        previous=first_seq if first_seq > 1 else None,
        last_seq=last,
    )
    return tagged(request, page)


@router.get("/stream", response_class=StreamingResponse)
async def follow(
    principal: Owner,
    owned: Sessions,
    id: SessionId,
    after: Annotated[
        int, Query(ge=0, le=_LARGEST, description="As Last-Event-ID, which goes first.")
    ] = 0,
    last_event_id: Annotated[int | None, Header(ge=0, le=_LARGEST)] = None,
) -> StreamingResponse:
    """Follow a session as server-sent events: `event` for each event, `state` for its state."""
    state = await owned.state(id)
    place = min(after if last_event_id is None else last_event_id, state.last_seq)
    return StreamingResponse(
        stream(owned, id, place),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"},
    )


@router.get("/usage", response_model=SessionUsage)
async def usage(request: Request, principal: Owner, owned: Sessions, id: SessionId) -> Response:
    """Tell what each turn used and what it cost."""
    return tagged(request, await usage_of(owned, id))
