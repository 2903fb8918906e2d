"""The gateway's own records of calls, as the ledger keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from agentos.store.tables import MODEL_CALLS, SESSIONS
from agentos.usage.reading.entry import MOST_TOKENS, Caller, Entry, word
from agentos.usage.selection import milliseconds

_CLIENTS = ("codex", "claude", "gemini", "opencode", "pi")
#: The agent went away first: the provider may have worked all the same.
_GIVEN_UP = 499
#: Processes that write at once may finish in another order than they began.
_OVERLAP = 1000
_NAMES = ("input", "cached_input", "cache_write", "cache_write_hour", "output", "reasoning")
_MOST_DOLLARS = 1e6  # for a call


async def gateway_entries(connection: AsyncConnection, after: int) -> list[Entry]:
    """Return the calls that the gateway wrote down after one of them, and some before.

    Nothing is returned if there is nothing after it. Calls that were refused or failed used
    nothing and are not among them.
    """
    call = MODEL_CALLS.c
    query = (
        select(MODEL_CALLS, SESSIONS.c.agent)
        .outerjoin(SESSIONS, SESSIONS.c.id == call.session)
        .where(call.id > after - _OVERLAP)
        .where(or_(call.input.is_not(None), call.status < 400, call.status == _GIVEN_UP))
        .order_by(call.id)
    )
    latest = await connection.scalar(select(func.max(call.id)))
    if not latest or latest <= after:
        return []
    return [_entry(row._asdict()) for row in await connection.execute(query)]


async def gateway_sessions(connection: AsyncConnection) -> set[str]:
    """Return the sessions whose calls went through the gateway."""
    found = await connection.execute(select(MODEL_CALLS.c.session).distinct())
    return {session for (session,) in found if session}


def _entry(row: Mapping[str, Any]) -> Entry:
    agent = row["agent"] or ""
    used = _used(row)
    price = row["price"]
    return Entry(
        identity=word(row["response_id"]) or f"gateway:{row['id']}",
        caller=Caller(
            source="gateway",
            client=_client(f"{agent} {row['client']}"),
            session=word(row["session"]),
            thread=word(row["thread"]),
            provider=word(row["provider"]),
            model=word(row["model_served"] or row["model_sent"] or row["model_asked"]),
            profile=word(row["profile"]),
            agent=agent,
            kind=row["kind"],
        ),
        at=milliseconds(row["at"]),
        line=row["id"],
        offset=0,
        turn=word(row["turn"]),
        response_id=word(row["response_id"]),
        metered=int(bool(used)),
        **used,
        price=price if price is not None and 0 <= price < _MOST_DOLLARS else None,
    )


def _used(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a call's tokens; none if the provider told nothing, or what no call can use.

    What is a part of something else is at most all of it.
    """
    told = {name: row[name] or 0 for name in _NAMES}
    known = row["input"] is not None or row["output"] is not None
    if not known or not all(0 <= number <= MOST_TOKENS for number in told.values()):
        return {}
    cached = min(told["cached_input"], told["input"])
    written = min(told["cache_write"], told["input"] - cached)
    return told | {
        "cached_input": cached,
        "cache_write": written,
        "cache_write_hour": min(told["cache_write_hour"], written),
        "reasoning": min(told["reasoning"], told["output"]),
    }


def _client(said: str) -> str:
    lower = said.lower()
    known = (name for name in _CLIENTS if name in lower)
    return next(known, word(said.strip().split("/")[0]))
