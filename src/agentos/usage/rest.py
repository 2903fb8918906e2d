"""The hub's routes of usage: sums, courses, and every call behind them."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Header, Query, Request, Response
from pydantic import AfterValidator, AwareDatetime

from agentos.errors import StoreError
from agentos.hub.auth.needs import needs
from agentos.hub.background import background
from agentos.hub.errors import Refused
from agentos.hub.hub import Hub
from agentos.hub.scopes import Principal, Scope
from agentos.usage import questions
from agentos.usage.calendar import Period, Step, span_of, zone, zone_name
from agentos.usage.ledger import Ledger
from agentos.usage.reports import Report, plain
from agentos.usage.rows import Group, plain_row
from agentos.usage.selection import Selection
from agentos.usage.settings import load_usage_settings

_logger = logging.getLogger(__name__)
router = APIRouter(prefix="/api/v1/usage", tags=["usage"])
LONGEST_PAGE = 1000
#: Seconds between two readings of the clients' records.
READ_EVERY = 30.0
_LATEST = datetime(9999, 1, 1, tzinfo=UTC)
Observer = Annotated[Principal, needs(Scope.STATUS_READ)]


def add(app: FastAPI, hub: Hub) -> AbstractAsyncContextManager[None]:
    """Add the routes, and keep the ledger up to date while the hub runs."""
    app.state.usage_hub = hub
    app.include_router(router)
    return _running(hub)


@asynccontextmanager
async def _running(hub: Hub) -> AsyncIterator[None]:
    async with background(_read_on(hub)):
        yield


async def _read_on(hub: Hub) -> None:
    while True:
        await asyncio.sleep(READ_EVERY)
        try:
            report = await Ledger(hub.store).ingest()
        except (StoreError, OSError) as error:
            _logger.warning("what is new of usage is read later: %s", error)
        else:
            if report.calls:
                _logger.info("%d model calls were booked", report.calls)


def _in_range(moment: datetime) -> datetime:
    if not datetime(1970, 1, 2, tzinfo=UTC) < moment < _LATEST:
        raise ValueError("the time is out of range")
    return moment.astimezone(UTC)


Time = Annotated[AwareDatetime, AfterValidator(_in_range)]
Words = Annotated[list[str] | None, Query(max_length=50)]


def _selection(
    principal: Observer,
    since: Time | None = None,
    until: Time | None = None,
    period: Annotated[Period | None, Query(description="In place of since and until.")] = None,
    tz: Annotated[str | None, Query(max_length=100, description="Where days begin.")] = None,
    session: Words = None,
    model: Words = None,
    provider: Words = None,
    client: Words = None,
    project: Words = None,
    profile: Words = None,
    agent: Words = None,
) -> Selection:
    if period is not None:
        where = zone(tz or load_usage_settings().time_zone)
        span = span_of(period, where, datetime.now(UTC))
        since, until = span.since, span.until
    if principal.session is not None:
        session = [principal.session]  # a machine's session sees nothing of its neighbours
    return Selection(
        since,
        until,
        sessions=tuple(session or ()),
        models=tuple(model or ()),
        providers=tuple(provider or ()),
        clients=tuple(client or ()),
        projects=tuple(project or ()),
        profiles=tuple(profile or ()),
        agents=tuple(agent or ()),
    )


Chosen = Annotated[Selection, Depends(_selection)]
Zone = Annotated[str | None, Query(max_length=100)]
Limit = Annotated[int, Query(ge=1, le=LONGEST_PAGE)]
Cursor = Annotated[str | None, Query(max_length=2000, description="The `next` of the page before.")]
Known = Annotated[str | None, Header(alias="If-None-Match")]


@router.get("")
async def sums(
    request: Request,
    chosen: Chosen,
    by: Annotated[list[Group] | None, Query(max_length=4)] = None,
    tz: Zone = None,
    limit: Limit = 100,
    after: Cursor = None,
    if_none_match: Known = None,
) -> Response:
    """Sum up what was used, by day unless told otherwise; the dearest first, or times in order."""
    found = await _report(request, by or ["day"], chosen, tz)
    said = dict(plain(found))
    rows, following = _page(said["rows"], list(found.by), after, limit)
    return _answer(said | {"rows": rows, "next": following}, if_none_match)


@router.get("/series")
async def series(
    request: Request,
    chosen: Chosen,
    by: Annotated[Group, Query(description="A series for each of these.")] = "model",
    step: Step = "day",
    tz: Zone = None,
    limit: Annotated[int, Query(ge=1, le=50, description="At most so many series.")] = 10,
    if_none_match: Known = None,
) -> Response:
    """Tell how use went over time: the largest series, and the sum of all."""
    found = await _report(request, [step, by] if by != step else [step], chosen, tz)
    steps = list(dict.fromkeys(row.key[0] for row in found.rows))
    lines: dict[str, dict[str, dict[str, Any]]] = {}
    for row in found.rows:
        lines.setdefault(row.key[-1], {})[row.key[0]] = plain_row(row, found.by)
    largest = sorted(lines, key=lambda name: (-_tokens(lines[name]), name))[:limit]
    said = {
        "by": by,
        "step": step,
        "time_zone": zone_name(found.zone),
        "currency": found.currency.code,
        "steps": steps,
        "series": [{"name": name, "points": _points(lines[name], steps)} for name in largest],
        "left_out": len(lines) - len(largest),
        "total": plain_row(found.total, ()),
    }
    return _answer(said, if_none_match)


@router.get("/calls")
async def calls(
    request: Request,
    chosen: Chosen,
    limit: Limit = 100,
    after: Annotated[int, Query(ge=0, lt=2**62)] = 0,
    if_none_match: Known = None,
) -> Response:
    """List calls one by one, each with where it is written."""
    hub: Hub = request.app.state.usage_hub
    found = await questions.priced_calls(hub.store, chosen, after=after, limit=limit)
    said = {
        "calls": [_plain_call(call) for call in found],
        "next": found[-1].number if len(found) == limit else None,
    }
    return _answer(said, if_none_match)


@router.get("/budgets")
async def budgets(request: Request, principal: Observer, if_none_match: Known = None) -> Response:
    """Tell how far the budgets are used up, and how far they will be."""
    if principal.session is not None:
        raise Refused(403, "scope_missing", "budgets are not of one session")
    hub: Hub = request.app.state.usage_hub
    found = await questions.budgets(store=hub.store)
    said = [asdict(each) | {"share": each.share, "share_ahead": each.share_ahead} for each in found]
    return _answer({"budgets": said}, if_none_match)


async def _report(
    request: Request, by: list[Group], chosen: Selection, time_zone: str | None
) -> Report:
    hub: Hub = request.app.state.usage_hub
    return await questions.report(
        by=by, selection=chosen, time_zone=time_zone, store=hub.store, read=False
    )


def _page(
    rows: list[dict[str, Any]], by: list[str], after: str | None, limit: int
) -> tuple[list[dict[str, Any]], str | None]:
    """Return a page of rows, and the cursor of the next.

    The cursor names the last row, not its number: sums change while one reads, and rows that were
    not seen yet move at most out of their order.
    """
    start = 0
    if after is not None:
        last, number = _read_cursor(after)
        places = [place for place, row in enumerate(rows) if [row[name] for name in by] == last]
        start = places[0] + 1 if places else number
    page = rows[start : start + limit]
    if start + limit >= len(rows):
        return page, None
    return page, _write_cursor([page[-1][name] for name in by], start + limit)


def _write_cursor(key: list[str], number: int) -> str:
    return base64.urlsafe_b64encode(json.dumps([key, number]).encode()).decode()


def _read_cursor(said: str) -> tuple[list[str], int]:
    try:
        key, number = json.loads(base64.urlsafe_b64decode(said))
        return list(key), max(int(number), 0)
    except (ValueError, TypeError, RecursionError) as error:
        raise Refused(
            422, "cursor_invalid", f"{said[:50]!r} is no cursor", hint="take `next` of an answer"
        ) from error


def _tokens(points: Mapping[str, Mapping[str, Any]]) -> int:
    return sum(point["tokens"] for point in points.values())


def _points(points: Mapping[str, Any], steps: list[str]) -> list[dict[str, Any]]:
    names = ("calls", "tokens", "cost", "unpriced_calls")
    nothing = {"calls": 0, "tokens": 0, "cost": 0.0, "unpriced_calls": 0}
    found = (points.get(step, nothing) for step in steps)
    return [{name: point[name] for name in names} for point in found]


def _plain_call(priced: questions.PricedCall) -> dict[str, Any]:
    call = asdict(priced.call)
    return {"number": priced.number, **call, "at": priced.call.at.isoformat(), "cost": priced.cost}


def _answer(said: Mapping[str, Any], known: str | None) -> Response:
    body = json.dumps(said, ensure_ascii=False).encode()
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache"}
    if known is not None and tag in known:
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="application/json", headers=headers)
