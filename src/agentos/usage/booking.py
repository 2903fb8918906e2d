"""Write what was found into the ledger, a call once, and keep the sums true."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    bindparam,
    case,
    cast,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

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


def lock(connection: Connection) -> None:
    """Wait until nobody else writes into the ledger; SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})


def book(
    connection: Connection,
    found: Iterable[tuple[int, Sequence[Sequence[Any]]]],
    gone: set[int],
) -> int:
    """Write calls down.

    Args:
        connection: In a transaction that writes, locked.
        found: Calls in the order of `Entry`, each with the number of the source that tells of them.
        gone: The sources that are no more there.

    Returns:
        How many calls the ledger did not know.
    """
    rows: dict[str, tuple[Any, ...]] = {}
    for source, entries in found:
        for entry in entries:
            identity = entry[0]
            row = (*entry, source)
            if identity in rows:
                merged = _merged(_as_row(rows[identity]), _as_row(row), gone)
                row = tuple(merged[name] for name in _COLUMNS)
            rows[identity] = row
    if not rows:
        return 0
    before = _known(connection, list(rows))
    changed = []
    for identity, old in before.items():
        both = _merged(old, _as_row(rows.pop(identity)), gone)
        if both != old:
            changed.append(both)
    if changed:
        _change(connection, changed)
    if rows:
        latest = connection.scalar(select(func.max(USAGE_CALLS.c.id))) or 0
        _insert(connection, list(rows.values()))
        _sum_up(connection, USAGE_CALLS.c.id > latest, 1)
    return len(rows)


_COLUMNS = (*Entry._fields, "source_id")


def _as_row(values: Sequence[Any]) -> Row:
    return dict(zip(_COLUMNS, values, strict=True))


def _insert(connection: Connection, rows: list[tuple[Any, ...]]) -> None:
    if connection.dialect.name == "sqlite":  # a fifth of the time that dicts take
        names = ", ".join(f'"{name}"' for name in _COLUMNS)
        marks = ", ".join("?" * len(_COLUMNS))
        connection.exec_driver_sql(
            f"insert into {USAGE_CALLS.name} ({names}) values ({marks})", rows
        )
    else:
        connection.execute(insert(USAGE_CALLS), [_as_row(row) for row in rows])


def _change(connection: Connection, rows: list[Row]) -> None:
    for start in range(0, len(rows), _ASKED):
        part = rows[start : start + _ASKED]
        these = USAGE_CALLS.c.identity.in_([row["identity"] for row in part])
        _sum_up(connection, these, -1)
        connection.execute(_UPDATE, [{"b_identity": row["identity"], **row} for row in part])
        _sum_up(connection, these, 1)
    connection.execute(USAGE_QUARTERS.delete().where(USAGE_QUARTERS.c.calls == 0))


_UPDATE = (
    update(USAGE_CALLS)
    .where(USAGE_CALLS.c.identity == bindparam("b_identity"))
    .values({name: bindparam(name) for name in (*_WORDS, *_MEASURED, *_TOLD, "price")})
)


def _known(connection: Connection, identities: list[str]) -> dict[str, Row]:
    columns = [column for column in USAGE_CALLS.c if column.name != "id"]
    found: dict[str, Row] = {}
    for start in range(0, len(identities), _ASKED):
        asked = identities[start : start + _ASKED]
        query = select(*columns).where(USAGE_CALLS.c.identity.in_(asked))
        for row in connection.execute(query):
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


def _sum_up(connection: Connection, which: ColumnElement[bool], sign: int) -> None:
    """Add calls to the sums, or, with a sign of -1, take them out."""
    call = USAGE_CALLS.c
    steps = [(call.input > step, step) for step in reversed(CONTEXT_STEPS[1:])]
    derived: dict[str, ColumnElement[Any]] = {
        "quarter": call.at // (QUARTER * 1000) * QUARTER,
        "context": cast(case(*steps, else_=0), BigInteger),
        "priced": cast(case((call.price.is_not(None), 1), else_=0), BigInteger),
    }
    keys = [derived[name] if name in derived else call[name] for name in _KEYS]
    counted = [
        func.count(),
        func.sum(1 - call.metered),
        func.sum(case((call.confidence == "derived", 1), else_=0)),
        *(func.sum(call[name]) for name in _TOKENS),
    ]
    sums: list[ColumnElement[Any]] = [cast(sign * each, BigInteger) for each in counted]
    sums.append(sign * func.coalesce(func.sum(call.price), 0.0))
    make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = make(USAGE_QUARTERS).from_select(
        [*_KEYS, *_SUMS], select(*keys, *sums).where(which).group_by(*keys)
    )
    added = {name: USAGE_QUARTERS.c[name] + statement.excluded[name] for name in _SUMS}
    connection.execute(statement.on_conflict_do_update(index_elements=_KEYS, set_=added))
