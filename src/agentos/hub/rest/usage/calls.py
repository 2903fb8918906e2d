"""Calls one by one, down to the line that each was read from."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from agentos.hub.errors import Refused
from agentos.hub.rest.usage.answers import (
    CallInfo,
    CallList,
    CallText,
    CurrencyInfo,
    ProblemInfo,
    ShareInfo,
    TokensInfo,
    UsageExplanation,
)
from agentos.hub.rest.usage.asked import Chosen, Limit, Owner, hub_of
from agentos.hub.tagged import tagged
from agentos.usage import questions
from agentos.usage.calendar import zone, zone_name
from agentos.usage.explain import line_at
from agentos.usage.ledger import Ledger
from agentos.usage.selection import Selection
from agentos.usage.settings import UsageSettings, load_usage_settings

#: Of a line, so many bytes are told.
LONGEST_LINE = 20_000
router = APIRouter(prefix="/api/v1/usage", tags=["usage"])
Number = Annotated[int, Query(ge=0, lt=2**62)]


@router.get("/calls", response_model=CallList)
async def calls(
    request: Request, chosen: Chosen, limit: Limit = 100, after: Number = 0
) -> Response:
    """List calls one by one, each with where it is written."""
    found = await questions.priced_calls(hub_of(request).store, chosen, after=after, limit=limit)
    settings = await asyncio.to_thread(load_usage_settings)
    said = CallList(
        time_zone=_zone(settings),
        currency=CurrencyInfo.of(settings.currency),
        calls=[CallInfo.of(call) for call in found],
        next=found[-1].number if len(found) == limit else None,
    )
    return tagged(request, said)


@router.get("/calls/{number}", response_model=CallText)
async def call(request: Request, owner: Owner, number: int) -> Response:
    """Tell of one call, with the line that it was read from."""
    store = hub_of(request).store
    found = (
        await questions.priced_calls(store, Selection(), after=number - 1, limit=1)
        if 0 < number < 2**62
        else []
    )
    if not found or found[0].number != number:
        raise Refused(404, "call_unknown", f"the ledger has no call {number}")
    settings = await asyncio.to_thread(load_usage_settings)
    line = await asyncio.to_thread(line_at, found[0].call.provenance)
    said = CallText(
        time_zone=_zone(settings),
        currency=CurrencyInfo.of(settings.currency),
        call=CallInfo.of(found[0]),
        line=None if line is None else line[:LONGEST_LINE].decode("utf-8", "replace"),
    )
    return tagged(request, said)


@router.get("/explanation", response_model=UsageExplanation)
async def explanation(
    request: Request, owner: Owner, chosen: Chosen, limit: Limit = 100
) -> Response:
    """Tell which files and lines a number comes from, and what there was not counted."""
    found = await Ledger(hub_of(request).store).explain(chosen)
    said = UsageExplanation(
        tokens=TokensInfo.model_validate(found.tokens, from_attributes=True),
        files=[ShareInfo.of(share) for share in found.files[:limit]],
        files_left_out=max(len(found.files) - limit, 0),
        problems=[
            ProblemInfo.model_validate(one, from_attributes=True) for one in found.problems[:limit]
        ],
        problems_left_out=max(len(found.problems) - limit, 0),
    )
    return tagged(request, said)


def _zone(settings: UsageSettings) -> str:
    return zone_name(zone(settings.time_zone))
