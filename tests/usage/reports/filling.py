"""Ledgers for tests: calls, and the sums that the ledger keeps of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import insert

from agentos.store import Store
from agentos.store.tables import USAGE_CALLS, USAGE_QUARTERS
from agentos.usage.call import ModelCall, Provenance, Source
from agentos.usage.prices import Tokens
from agentos.usage.selection import milliseconds, quarter_of

_KEYS = (
    *("quarter", "session", "model", "provider", "client", "project", "profile", "agent"),
    *("source", "tier", "context", "priced"),
)
_SUMS = (
    *("calls", "unmetered", "derived", "price", "input", "cached_input", "cache_write"),
    *("cache_write_hour", "output", "reasoning"),
)


def made(number: int, **said: Any) -> ModelCall:
    """Return a call of gpt-5.4 with 1,000 tokens in and 100 out, unless told otherwise."""
    call = ModelCall(
        identity=f"call-{number}",
        source=Source.CODEX,
        client="codex",
        provider="openai",
        model="gpt-5.4",
        tokens=Tokens(1000, output=100),
        at=datetime(2026, 5, 4, 12, tzinfo=UTC),
        provenance=Provenance("gateway", number),
        session="s1",
        project="/srv/site",
    )
    return replace(call, **said)


async def fill(store: Store, calls: Iterable[ModelCall]) -> None:
    """Put calls into a ledger as ingesting does."""
    rows = [_row(call) for call in calls]
    sums: defaultdict[tuple[Any, ...], dict[str, Any]] = defaultdict(
        lambda: dict.fromkeys(_SUMS, 0)
    )
    for row in rows:
        total = sums[tuple(row[key] for key in _KEYS)]
        for name in _SUMS:
            total[name] += row[name] or 0
    if not rows:
        return
    columns = {column.name for column in USAGE_CALLS.c} - {"id"}
    async with store.writing() as connection:
        await connection.execute(
            insert(USAGE_CALLS),
            [{name: value for name, value in row.items() if name in columns} for row in rows],
        )
        await connection.execute(
            insert(USAGE_QUARTERS),
            [dict(zip(_KEYS, key, strict=True)) | total for key, total in sums.items()],
        )


def _row(call: ModelCall) -> dict[str, Any]:
    words = asdict(call)
    words.pop("provenance")
    tokens = words.pop("tokens")
    return {
        **words,
        **asdict(Tokens()),
        **(tokens or {}),
        "at": milliseconds(call.at),
        "quarter": quarter_of(call.at),
        "context": call.context,
        "metered": int(call.tokens is not None),
        "unmetered": int(call.tokens is None),
        "derived": int(call.confidence == "derived"),
        "priced": int(call.price is not None),
        "calls": 1,
        "source_id": 0,
        "line": call.provenance.line,
        "offset": 0,
    }
