"""Write what was found into the ledger, a call once, and keep the sums true."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from itertools import chain, repeat
from typing import Any

from sqlalchemy import (
    Connection,
    bindparam,
    delete,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from agentos.store.tables import USAGE_CALLERS, USAGE_CALLS, USAGE_QUARTERS
from agentos.usage.conditions import ALL_CALLS
from agentos.usage.prices import Tokens
from agentos.usage.reading.calls import Calls
from agentos.usage.reading.entry import Caller, Entry
from agentos.usage.reading.sums import Sum

Row = dict[str, Any]
_Told = tuple[Entry, int]  # with the number of its source

#: An arbitrary number that stands for "somebody writes into the ledger".
_LOCK = 0x41474F54
_ASKED = 5000  # identities at a time; SQLite allows 32,766
_WORDS = ("session", "thread", "turn", "response_id", *Caller._fields[4:])
_TOKENS = tuple(field.name for field in fields(Tokens))
_MEASURED = ("metered", "confidence", *_TOKENS)
_TOLD = ("source", "client", "at", "source_id", "line", "offset")
_KEYS = Sum._fields[:4]
_SUMS = Sum._fields[4:]
#: A call, in the order of `Entry`, and the number of the source that tells of it.
_COLUMNS = ("identity", "caller_id", *Entry._fields[2:], "source_id")
#: What a column may say of all calls alike, in SQL.
_LITERALS = {None: "null", 0: "0", 1: "1", "": "''", "exact": "'exact'", "derived": "'derived'"}


def lock(connection: Connection) -> None:
    """Wait until nobody else writes into the ledger; SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})


def book(
    connection: Connection,
    found: Iterable[tuple[int, Calls]],
    gone: set[int],
) -> int:
    """Write calls down.

    Args:
        connection: In a transaction that writes, locked.
        found: Calls, each with the number of the source that tells of them.
        gone: The sources that are no more there.

    Returns:
        How many calls the ledger did not know.
    """
    told = [(source, calls) for source, calls in found if calls]
    if not told:
        return 0
    number = sum(len(calls) for _, calls in told)
    identities = set(chain.from_iterable(calls.identities for _, calls in told))
    if len(identities) == number and _insert(connection, told):
        return number
    return _merge(connection, told, gone)


def _row(entry: Entry, caller: int, source: int) -> Row:
    # The answer's id is kept once, where it is what makes the call the same.
    own = None if entry.response_id == entry.identity else entry.response_id
    values = (entry.identity, caller, *entry[2:], source)
    return dict(zip(_COLUMNS, values, strict=True)) | {"response_id": own}


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


def _insert(connection: Connection, told: Sequence[tuple[int, Calls]]) -> bool:
    """Write calls down, or, if one of them is known, nothing: then it returns False."""
    numbers = _numbers(connection, {caller for _, calls in told for caller in calls.callers})
    insert_all = _ALL[connection.dialect.name]
    if not insert_all(connection, told, numbers):
        return False
    _sum_up(connection, told, numbers)
    return True


def _all_in_sqlite(
    connection: Connection, told: Sequence[tuple[int, Calls]], numbers: dict[Caller, int]
) -> bool:
    latest = connection.scalar(select(func.max(USAGE_CALLS.c.id))) or 0
    # The driver itself asks for no list, which takes longer than the rows.
    cursor: Any = connection.connection.cursor()
    try:
        for statement, parts in _statements(told, numbers, "?").items():
            cursor.executemany(statement, chain.from_iterable(parts))
    except sqlite3.IntegrityError:
        # A savepoint would copy every page that changes; without one, it keeps what it has done.
        connection.execute(delete(USAGE_CALLS).where(USAGE_CALLS.c.id > latest))
        return False
    return True


def _all_in_postgresql(
    connection: Connection, told: Sequence[tuple[int, Calls]], numbers: dict[Caller, int]
) -> bool:
    done = 0
    with connection.begin_nested() as savepoint:
        for statement, parts in _statements(told, numbers, "%s").items():
            rows = list(chain.from_iterable(parts))
            done += connection.exec_driver_sql(f"{statement} on conflict do nothing", rows).rowcount
        if done < sum(len(calls) for _, calls in told):
            savepoint.rollback()
            return False
    return True


#: Each inserts calls, or, if one of them is known, none: then it returns False.
_ALL = {"postgresql": _all_in_postgresql, "sqlite": _all_in_sqlite}


def _statements(
    told: Sequence[tuple[int, Calls]], numbers: dict[Caller, int], mark: str
) -> dict[str, list[Iterator[tuple[Any, ...]]]]:
    """Return what inserts calls, each with its rows; what all have alike is in it."""
    found: dict[str, list[Iterator[tuple[Any, ...]]]] = defaultdict(list)
    for source, calls in told:
        columns = [*calls.columns, repeat(source, len(calls))]
        columns[1] = calls.callers_as(numbers)
        values = (
            _LITERALS[calls.alike[place]] if place in calls.alike else mark
            for place in range(len(columns))
        )
        written = [column for place, column in enumerate(columns) if place not in calls.alike]
        statement = f"insert into {USAGE_CALLS.name} ({_NAMES}) values ({', '.join(values)})"
        found[statement].append(zip(*written, strict=True))
    return found


_NAMES = ", ".join(f'"{name}"' for name in _COLUMNS)


def _merge(connection: Connection, told: Sequence[tuple[int, Calls]], gone: set[int]) -> int:
    """Write calls down of which some are known, or told of twice."""
    fresh: dict[str, Row] = {}
    for source, calls in told:
        for entry in calls.entries():
            row = _whole(entry, source)
            known = fresh.get(entry.identity)
            fresh[entry.identity] = _merged(known, row, gone) if known else row
    changed = []
    for identity, old in _known(connection, list(fresh)).items():
        new = _merged(old, fresh.pop(identity), gone)
        if new != old:
            changed.append((_told(old), _told(new)))
    if changed:
        _change(connection, changed)
    if fresh:
        _insert(connection, _by_source(map(_told, fresh.values())))
    return len(fresh)


def _by_source(told: Iterable[_Told]) -> list[tuple[int, Calls]]:
    found: dict[int, list[Entry]] = defaultdict(list)
    for entry, source in told:
        found[source].append(entry)
    return [(source, Calls.of(entries)) for source, entries in found.items()]


def _whole(entry: Entry, source: int) -> Row:
    return {**entry.caller._asdict(), **entry._asdict(), "source_id": source}


def _told(row: Row) -> _Told:
    caller = Caller._make(row[name] for name in Caller._fields)
    values = {name: row[name] for name in Entry._fields if name != "caller"}
    return Entry(caller=caller, **values), row["source_id"]


def _change(connection: Connection, changed: Sequence[tuple[_Told, _Told]]) -> None:
    """Write calls down anew.

    Args:
        changed: Each as it was and as it is now.
    """
    for start in range(0, len(changed), _ASKED):
        before, now = zip(*changed[start : start + _ASKED], strict=True)
        numbers = _numbers(connection, {entry.caller for entry, _ in (*before, *now)})
        rows = (_row(entry, numbers[entry.caller], source) for entry, source in now)
        connection.execute(_UPDATE, [{"b_identity": row["identity"], **row} for row in rows])
        _sum_up(connection, _by_source(before), numbers, -1)
        _sum_up(connection, _by_source(now), numbers)
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


def _sum_up(
    connection: Connection,
    told: Iterable[tuple[int, Calls]],
    numbers: dict[Caller, int],
    sign: int = 1,
) -> None:
    """Add calls to the sums, or, with a sign of -1, take them out."""
    changes: dict[tuple[int, ...], list[float]] = {}
    for _, calls in told:
        for each in calls.sums:
            key = each.quarter, numbers[calls.callers[each.caller_id]], each.context, each.priced
            change = changes.setdefault(key, [0] * len(_SUMS))
            for place, value in enumerate(each[len(_KEYS) :]):
                change[place] += sign * value
    rows = [dict(zip(Sum._fields, (*key, *change), strict=True)) for key, change in changes.items()]
    connection.execute(_ADD[connection.dialect.name], rows)


def _adding(make: Any) -> Any:
    statement = make(USAGE_QUARTERS)
    added = {name: USAGE_QUARTERS.c[name] + statement.excluded[name] for name in _SUMS}
    return statement.on_conflict_do_update(index_elements=_KEYS, set_=added)


_ADD = {"postgresql": _adding(postgresql.insert), "sqlite": _adding(sqlite.insert)}
