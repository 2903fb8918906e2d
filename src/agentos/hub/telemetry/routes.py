"""What the hub tells of itself: its status, its log, the log live, its metrics."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import AfterValidator, AwareDatetime, BaseModel, JsonValue

from agentos.errors import StoreError
from agentos.hub.auth.needs import needs
from agentos.hub.errors import Refused
from agentos.hub.scopes import Principal, Scope
from agentos.hub.tagged import tagged_json
from agentos.hub.telemetry import as_json
from agentos.hub.telemetry.event import Kind
from agentos.hub.telemetry.log import LONGEST_PAGE, Filters
from agentos.hub.telemetry.redaction import fit
from agentos.hub.telemetry.status import status as status_of
from agentos.hub.telemetry.tail import News
from agentos.hub.telemetry.telemetry import Telemetry

router = APIRouter(tags=["telemetry"])
Observer = Annotated[Principal, needs(Scope.STATUS_READ)]
#: Who may follow the log at once.
MOST_READERS = 256
#: Seconds of silence after which a reader is told that the stream lives.
HEARTBEAT = 15.0
_LARGEST = 2**62


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("the time is out of range") from error


Time = Annotated[AwareDatetime, AfterValidator(_in_utc)]
Word = Annotated[str | None, Query(max_length=200)]
Place = Annotated[int, Query(ge=0, le=_LARGEST)]


def _filters(
    principal: Observer,
    kind: Kind | None = None,
    client: Word = None,
    project: Word = None,
    name: Word = None,
    outcome: Annotated[
        str | None, Query(max_length=100, description="A code, `ok`, or `error` for any.")
    ] = None,
    since: Time | None = None,
    until: Time | None = None,
) -> Filters:
    def word(text: str | None) -> str | None:
        return None if text is None else fit(text, 200)

    return Filters(
        kind=None if kind is None else kind.value,
        client=word(client),
        project=word(project),
        name=word(name),
        # A machine's session sees what it did itself, and nothing of its neighbours.
        principal=None if principal.session is None else principal.name,
        outcome=word(outcome),
        since=since,
        until=until,
    )


Wanted = Annotated[Filters, Depends(_filters)]


@router.get("/status")
async def status(request: Request, observer: Observer) -> dict[str, Any]:
    """Tell the server's state, what it was asked in all, and the last 100 requests."""
    return status_of(_telemetry(request), request.app.state.home, observer)


class LoggedEvent(BaseModel):
    """An event of the log; its arguments are redacted."""

    id: int
    at: datetime
    kind: Kind
    name: str
    client: str
    project: str
    principal: str
    outcome: str
    duration_ms: float
    bytes_in: int
    bytes_out: int
    request_id: str
    arguments: dict[str, JsonValue] | None


class LogPage(BaseModel):
    """A part of the log, the newest first."""

    events: list[LoggedEvent]
    next: int | None


@router.get("/api/v1/log", response_model=LogPage)
async def log(
    request: Request,
    wanted: Wanted,
    after: Annotated[Place | None, Query(description="The `next` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=LONGEST_PAGE)] = 100,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """Read the log, the newest first."""
    page = await _telemetry(request).query(wanted, after, limit)
    events = [as_json.plain(record) for record in page.records]
    body = json.dumps({"events": events, "next": page.next}, ensure_ascii=False).encode()
    return tagged_json(if_none_match, body)


@router.get("/api/v1/events", response_class=StreamingResponse)
async def events(
    request: Request,
    wanted: Wanted,
    observer: Observer,
    after: Annotated[Place | None, Query(description="As Last-Event-ID, which goes first.")] = None,
    last_event_id: Annotated[int | None, Header(ge=0, le=_LARGEST)] = None,
) -> StreamingResponse:
    """Follow the log as server-sent events, from an event on or from now.

    Who may do everything is also told of sessions: a `session` is the state of one that has
    changed. It is not in the log and has no `id`.
    """
    telemetry = _telemetry(request)
    if telemetry.readers >= MOST_READERS:
        raise Refused(
            503,
            "too_many_readers",
            f"{telemetry.readers} follow the log already",
            hint="read /api/v1/log instead, or come back later",
        )
    place = after if last_event_id is None else last_event_id
    return StreamingResponse(
        _stream(telemetry, place, wanted, observer.allows(Scope.ALL)),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"},
    )


@router.get("/metrics")
async def metrics(request: Request, observer: Observer) -> Response:
    """Tell what Prometheus asks for."""
    text, kind = _telemetry(request).metrics.text(request.headers.get("accept", ""))
    return Response(text, headers={"Content-Type": kind})


async def _stream(
    telemetry: Telemetry, place: int | None, wanted: Filters, news_too: bool
) -> AsyncIterator[str]:
    """Word events; a silence tells the place, so that a reader who returns skips what it can."""
    try:
        following = telemetry.follow(place, wanted, heartbeat=HEARTBEAT, news_too=news_too)
        async with aclosing(following) as found:
            async for item in found:
                if isinstance(item, News):
                    yield f"event: {item.kind}\ndata: {item.data}\n\n"
                elif isinstance(item, int):
                    yield f"id: {item}\n: still here\n\n"
                else:
                    yield f"id: {item.id}\nevent: {item.kind}\ndata: {as_json.line(item)}\n\n"
    except StoreError as error:
        yield f": {' '.join(str(error).split())}\n\n"  # the reader comes back with its place


def _telemetry(request: Request) -> Telemetry:
    telemetry: Telemetry = request.app.state.telemetry
    return telemetry
