"""Write what was found into the ledger, a call once, and keep the sums true."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any

from sqlalchemy import bindparam, insert, select, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from agentos.store.tables import USAGE_CALLS, USAGE_QUARTERS
from agentos.usage.call import CONTEXT_STEPS
from agentos.usage.prices import Tokens
from agentos.usage.reading.entry import Entry
from agentos.usage.selection import QUARTER

Row = dict[str, Any]

#: An arbitrary number that stands for "somebody writes into the ledger".
_LOCK = 0x41474F54
_ASKED = 5000  # identities at a time; SQLite allows 32,766
_WORDS = (
    "session",
    "thread",
    "turn",
    "response_id",
    "provider",
    "model",
    "project",
    "profile",
    "agent",
    "kind",
    "tier",
)
_TOKENS = tuple(field.name for field in fields(Tokens))
_MEASURED = ("metered", "confidence", *_TOKENS)
_TOLD = ("source", "client", "at", "source_id", "line", "offset")
_KEYS = tuple(column.name for column in USAGE_QUARTERS.primary_key)
_SUMS = ("calls", "unmetered", "derived", *_TOKENS, "price")


async def lock(connection: AsyncConnection) -> None:
    """Wait until nobody else writes into the ledger; SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        await connection.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})


async def book(
    connection: AsyncConnection, found: Iterable[tuple[int, Sequence[Entry]]], gone: set[int]
) -> int:
    """Write calls down.

    Args:
        connection: In a transaction that writes, locked.
        found: Calls, each with the number of the source that tells of them.
        gone: The sources that are no more there.

    Returns:
        How many calls the ledger did not know.
    """
    rows: dict[str, Row] = {}
    for source, entries in found:
        for entry in entries:
            row = entry._asdict()
            row["source_id"] = source
            known = rows.get(entry.identity)
            rows[entry.identity] = _merged(known, row, gone) if known else row
    if not rows:
        return 0
    before = await _known(connection, list(rows))
    fresh = [row for identity, row in rows.items() if identity not in before]
    changed = []
    sums: defaultdict[tuple[Any, ...], list[Any]] = defaultdict(lambda: [0] * len(_SUMS))
    for identity, old in before.items():
        row = _merged(old, rows[identity], gone)
        if row != old:
            changed.append(row)
            _add(sums, old, -1)
            _add(sums, row, 1)
    for row in fresh:
        _add(sums, row, 1)
    if fresh:
        await connection.execute(insert(USAGE_CALLS), fresh)
    if changed:
        await connection.execute(
            _UPDATE, [{"b_identity": row["identity"], **row} for row in changed]
        )
    await _add_up(connection, sums)
    return len(fresh)


_UPDATE = (
    update(USAGE_CALLS)
    .where(USAGE_CALLS.c.identity == bindparam("b_identity"))
    .values({name: bindparam(name) for name in (*_WORDS, *_MEASURED, *_TOLD, "price")})
)


async def _known(connection: AsyncConnection, identities: list[str]) -> dict[str, Row]:
    columns = [column for column in USAGE_CALLS.c if column.name != "id"]
    found: dict[str, Row] = {}
    for start in range(0, len(identities), _ASKED):
        asked = identities[start : start + _ASKED]
        query = select(*columns).where(USAGE_CALLS.c.identity.in_(asked))
        for row in await connection.execute(query):
            found[row.identity] = row._asdict()
    return found


def _merged(one: Row, other: Row, gone: set[int]) -> Row:
    """Return what two mentions of a call say together, whichever came first.

    The gateway knows best whose call it was; of files, the mention with the most output counts,
    since the others are from before the answer was complete.
    """
    first, second = sorted((one, other), key=_rank, reverse=True)
    if _rank(first)[:-1] == _rank(second)[:-1]:
        first, second = one, other
    if first["source_id"] in gone and second["source_id"] and second["source_id"] not in gone:
        told = second if first["source"] == second["source"] else first
    else:
        told = first
    measured = max((first, second), key=lambda row: (row["metered"], *_rank(row)))
    merged = {"identity": first["identity"]}
    merged |= {name: told[name] for name in _TOLD}
    merged |= {name: first[name] or second[name] for name in _WORDS}
    merged |= {name: measured[name] for name in _MEASURED}
    merged["price"] = first["price"] if first["price"] is not None else second["price"]
    return merged


def _rank(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return (
        row["source"] == "gateway",
        row["confidence"] == "exact",
        row["output"],
        row["input"],
        -row["at"],
        tuple(str(row[name]) for name in _WORDS),
        row["source_id"],
    )


def _add(sums: defaultdict[tuple[Any, ...], list[Any]], row: Mapping[str, Any], sign: int) -> None:
    priced = row["price"] is not None
    key = (
        row["at"] // 1000 // QUARTER * QUARTER,
        row["session"],
        row["model"],
        row["provider"],
        row["client"],
        row["project"],
        row["profile"],
        row["agent"],
        row["source"],
        row["tier"],
        max(step for step in CONTEXT_STEPS if row["input"] > step or not step),
        int(priced),
    )
    total = sums[key]
    total[0] += sign
    total[1] += sign * (not row["metered"])
    total[2] += sign * (row["confidence"] == "derived")
    for number, name in enumerate(_TOKENS, 3):
        total[number] += sign * row[name]
    if priced:
        total[-1] += sign * row["price"]


async def _add_up(
    connection: AsyncConnection, sums: Mapping[tuple[Any, ...], Sequence[Any]]
) -> None:
    rows = [dict(zip((*_KEYS, *_SUMS), (*key, *total), strict=True)) for key, total in sums.items()]
    if not rows:
        return
    make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = make(USAGE_QUARTERS)
    added = {name: USAGE_QUARTERS.c[name] + statement.excluded[name] for name in _SUMS}
    await connection.execute(
        statement.on_conflict_do_update(index_elements=_KEYS, set_=added), rows
    )
    await connection.execute(USAGE_QUARTERS.delete().where(USAGE_QUARTERS.c.calls == 0))
