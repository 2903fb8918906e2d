"""Write what was found into the ledger, a call once, and keep the sums true."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from operator import itemgetter
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
from sqlalchemy.exc import IntegrityError

from agentos.store.tables import USAGE_CALLERS, USAGE_CALLS, USAGE_QUARTERS
from agentos.usage.call import CONTEXT_STEPS
from agentos.usage.conditions import ALL_CALLS
from agentos.usage.prices import Tokens
from agentos.usage.reading.entry import Caller, Entry
from agentos.usage.selection import QUARTER

Row = dict[str, Any]

#: An arbitrary number that stands for "somebody writes into the ledger".
_LOCK = 0x41474F54
_ASKED = 5000  # identities at a time; SQLite allows 32,766
_WORDS = ("session", "thread", "turn", "response_id", *Caller._fields[4:])
_TOKENS = tuple(field.name for field in fields(Tokens))
_MEASURED = ("metered", "confidence", *_TOKENS)
_TOLD = ("source", "client", "at", "source_id", "line", "offset")
_KEYS = tuple(column.name for column in USAGE_QUARTERS.primary_key)
_SUMS = ("calls", "unmetered", "derived", *_TOKENS, "price")
#: A call, in the order of `Entry`, and the number of the source that tells of it.
_COLUMNS = ("identity", "caller_id", *Entry._fields[2:], "source_id")
_RESPONSE = Entry._fields.index("response_id")
_identity = itemgetter(0)


def lock(connection: Connection) -> None:
    """Wait until nobody else writes into the ledger; SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})


def book(
    connection: Connection, found: Iterable[tuple[int, Sequence[Entry]]], gone: set[int]
) -> int:
    """Write calls down.

    Args:
        connection: In a transaction that writes, locked.
        found: Calls, each with the number of the source that tells of them.
        gone: The sources that are no more there.

    Returns:
        How many calls the ledger did not know.
    """
    told = [(source, entries) for source, entries in found if entries]
    if not told:
        return 0
    # Many calls share one caller: to look for the object is faster than for all its words.
    callers = {id(entry.caller): entry.caller for _, entries in told for entry in entries}
    known = _numbers(connection, set(callers.values()))
    numbers = {place: known[caller] for place, caller in callers.items()}
    rows = [
        _row(entry, numbers[id(entry.caller)], source)
        for source, entries in told
        for entry in entries
    ]
    if len(set(map(_identity, rows))) == len(rows) and _insert(connection, rows):
        return len(rows)
    return _merge(connection, told, gone)


def _row(entry: Entry, caller: int, source: int) -> tuple[Any, ...]:
    # The answer's id is kept once, where it is what makes the call the same.
    own = None if entry[_RESPONSE] == entry[0] else entry[_RESPONSE]
    return (entry[0], caller, *entry[2:_RESPONSE], own, *entry[_RESPONSE + 1 :], source)


def _numbers(connection: Connection, callers: set[Caller]) -> dict[Caller, int]:
    """Return the numbers of callers, which those that are new are given."""
    known = _known_callers(connection, callers)
    fresh = [caller for caller in callers if caller not in known]
    if fresh:
        rows = [caller._asdict() for caller in sorted(fresh)]
        connection.execute(insert(USAGE_CALLERS), rows)
        known |= _known_callers(connection, set(fresh))
    return known


def _known_callers(connection: Connection, callers: set[Caller]) -> dict[Caller, int]:
    columns = [USAGE_CALLERS.c[name] for name in Caller._fields]
    sessions = sorted({caller.session for caller in callers})
    found: dict[Caller, int] = {}
    for start in range(0, len(sessions), _ASKED):
        asked = sessions[start : start + _ASKED]
        query = select(USAGE_CALLERS.c.id, *columns).where(USAGE_CALLERS.c.session.in_(asked))
        for number, *words in connection.execute(query):
            found[Caller._make(words)] = number
    return found


def _insert(connection: Connection, rows: list[tuple[Any, ...]]) -> bool:
    """Write calls down, or, if one of them is known, nothing: then it returns False."""
    latest = connection.scalar(select(func.max(USAGE_CALLS.c.id))) or 0
    try:
        with connection.begin_nested():
            if connection.dialect.name == "sqlite":  # a fifth of the time that dicts take
                connection.exec_driver_sql(_PLAIN_INSERT, rows)
            else:
                named = [dict(zip(_COLUMNS, row, strict=True)) for row in rows]
                connection.execute(insert(USAGE_CALLS), named)
    except IntegrityError:
        return False
    _sum_up(connection, USAGE_CALLS.c.id > latest, 1)
    return True


_NAMES = ", ".join(f'"{name}"' for name in _COLUMNS)
_MARKS = ", ".join("?" * len(_COLUMNS))
_PLAIN_INSERT = f"insert into {USAGE_CALLS.name} ({_NAMES}) values ({_MARKS})"


def _merge(
    connection: Connection, told: Sequence[tuple[int, Sequence[Entry]]], gone: set[int]
) -> int:
    """Write calls down of which some are known, or told of twice."""
    fresh: dict[str, Row] = {}
    for source, entries in told:
        for entry in entries:
            row = _whole(entry, source)
            known = fresh.get(entry.identity)
            fresh[entry.identity] = _merged(known, row, gone) if known else row
    before = _known(connection, list(fresh))
    changed = []
    for identity, old in before.items():
        both = _merged(old, fresh.pop(identity), gone)
        if both != old:
            changed.append(both)
    every = [_told(row) for row in (*changed, *fresh.values())]
    numbers = _numbers(connection, {entry.caller for entry, _ in every})
    rows = [_row(entry, numbers[entry.caller], source) for entry, source in every]
    if changed:
        _change(connection, rows[: len(changed)])
    if fresh:
        _insert(connection, rows[len(changed) :])
    return len(fresh)


def _whole(entry: Entry, source: int) -> Row:
    return {**entry.caller._asdict(), **entry._asdict(), "source_id": source}


def _told(row: Row) -> tuple[Entry, int]:
    caller = Caller._make(row[name] for name in Caller._fields)
    values = {name: row[name] for name in Entry._fields if name != "caller"}
    return Entry(caller=caller, **values), row["source_id"]


def _change(connection: Connection, rows: list[tuple[Any, ...]]) -> None:
    named = [dict(zip(_COLUMNS, row, strict=True)) for row in rows]
    for start in range(0, len(named), _ASKED):
        part = named[start : start + _ASKED]
        these = USAGE_CALLS.c.identity.in_([row["identity"] for row in part])
        _sum_up(connection, these, -1)
        connection.execute(_UPDATE, [{"b_identity": row["identity"], **row} for row in part])
        _sum_up(connection, these, 1)
    connection.execute(USAGE_QUARTERS.delete().where(USAGE_QUARTERS.c.calls == 0))


_UPDATE = (
    update(USAGE_CALLS)
    .where(USAGE_CALLS.c.identity == bindparam("b_identity"))
    .values({name: bindparam(name) for name in _COLUMNS if name != "identity"})
)


def _known(connection: Connection, identities: list[str]) -> dict[str, Row]:
    call, caller = USAGE_CALLS.c, USAGE_CALLERS.c
    own = func.coalesce(call.response_id, call.identity).label("response_id")
    others = [column for column in call if column.name not in ("id", "caller_id", "response_id")]
    query = select(*others, own, *(caller[name] for name in Caller._fields)).select_from(ALL_CALLS)
    found: dict[str, Row] = {}
    for start in range(0, len(identities), _ASKED):
        asked = identities[start : start + _ASKED]
        for row in connection.execute(query.where(call.identity.in_(asked))):
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
