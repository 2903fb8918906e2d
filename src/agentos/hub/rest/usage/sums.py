"""What was used: sums, how they went over time, and the same for a spreadsheet."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response

from agentos.hub.errors import Refused
from agentos.hub.rest.usage.answers import UsageSeries, UsageSums
from agentos.hub.rest.usage.asked import Chosen, Limit, Zone, hub_of
from agentos.hub.tagged import tagged_json
from agentos.usage import questions
from agentos.usage.calendar import Step, zone_name
from agentos.usage.reports import Report, plain
from agentos.usage.rows import TIMES, Group, Row, plain_row
from agentos.usage.selection import Selection
from agentos.usage.spreadsheet import as_csv
from agentos.usage.steps import labels_between, span_of_label, suiting

#: Steps without use are told up to so many; what is longer has only those with use.
MOST_STEPS = 2000
router = APIRouter(prefix="/api/v1/usage", tags=["usage"])
Groups = Annotated[list[Group] | None, Query(max_length=4)]
Cursor = Annotated[str | None, Query(max_length=2000, description="The `next` of the page before.")]
Known = Annotated[str | None, Header(alias="If-None-Match")]


@router.get("", response_model=UsageSums)
async def sums(
    request: Request,
    chosen: Chosen,
    by: Groups = None,
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


@router.get("/csv", response_class=Response)
async def csv(request: Request, chosen: Chosen, by: Groups = None, tz: Zone = None) -> Response:
    """Sum up what was used as comma-separated values, all of it."""
    found = await _report(request, by or ["day"], chosen, tz)
    headers = {"Content-Disposition": 'attachment; filename="usage.csv"'}
    return Response(as_csv(found), media_type="text/csv; charset=utf-8", headers=headers)


@router.get("/series", response_model=UsageSeries)
async def series(
    request: Request,
    chosen: Chosen,
    by: Annotated[Group, Query(description="A series for each of these.")] = "model",
    step: Annotated[Step | None, Query(description="What suits the time, by default.")] = None,
    tz: Zone = None,
    limit: Annotated[int, Query(ge=1, le=50, description="At most so many series.")] = 10,
    if_none_match: Known = None,
) -> Response:
    """Tell how use went over time: the largest series, what is left, and the sum of all."""
    found = await _report(request, _groups(step or "day", by), chosen, tz)
    if step is None and (better := _suiting(found)) != "day":
        step = better
        found = await _report(request, _groups(step, by), chosen, tz)
    return _answer(_series(found, by, step or "day", limit), if_none_match)


def _groups(step: Step, by: Group) -> list[Group]:
    return [step] if by in TIMES else [step, by]


def _suiting(found: Report) -> Step:
    """Choose the step by the time that was asked for, as far as there is any use in it."""
    if not found.rows:
        return "day"
    days = date.fromisoformat(found.rows[0].key[0]), date.fromisoformat(found.rows[-1].key[0])
    return suiting(*days)


def _series(found: Report, by: Group, step: Step, limit: int) -> Mapping[str, Any]:
    steps = list(dict.fromkeys(row.key[0] for row in found.rows))
    if steps:
        between = list(labels_between(step, steps[0], steps[-1]))
        steps = between if len(between) <= MOST_STEPS else steps
    lines: dict[str, dict[str, Row]] = {}
    for row in found.rows:
        lines.setdefault("" if by in TIMES else row.key[-1], {})[row.key[0]] = row
    largest = sorted(lines, key=lambda name: (-_tokens(lines[name]), name))[:limit]
    left = [line for name, line in lines.items() if name not in largest]
    spans = [(label, span_of_label(step, label, found.zone)) for label in steps]
    return {
        "by": by,
        "step": step,
        "time_zone": zone_name(found.zone),
        "currency": found.currency.code,
        "steps": steps,
        "spans": [
            {"name": label, "since": _iso(span.since), "until": _iso(span.until)}
            for label, span in spans
        ],
        "series": [
            {"name": name, "points": [_point(lines[name].get(label)) for label in steps]}
            for name in largest
        ],
        "left_out": len(left),
        "others": [_sum([line[label] for line in left if label in line]) for label in steps]
        if left
        else [],
        "total": plain_row(found.total, ()),
    }


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _tokens(line: Mapping[str, Row]) -> int:
    return sum(row.tokens.total for row in line.values())


def _point(row: Row | None) -> dict[str, Any]:
    return _sum([] if row is None else [row])


def _sum(rows: list[Row]) -> dict[str, Any]:
    known = [row.cost for row in rows if row.cost is not None]
    return {
        "calls": sum(row.calls for row in rows),
        "tokens": sum(row.tokens.total for row in rows),
        "cost": sum(known, 0.0) if known or not rows else None,
        "unpriced_calls": sum(row.unpriced for row in rows),
    }


async def _report(
    request: Request, by: list[Group], chosen: Selection, time_zone: str | None
) -> Report:
    store = hub_of(request).store
    return await questions.report(
        by=by, selection=chosen, time_zone=time_zone, store=store, read=False
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
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise Refused(
            422, "cursor_invalid", f"{said[:50]!r} is no cursor", hint="take `next` of an answer"
        ) from error


def _answer(said: Mapping[str, Any], known: str | None) -> Response:
    return tagged_json(known, json.dumps(said, ensure_ascii=False).encode())
