"""The hub's log in the store: appending, reading, forgetting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Select, delete, func, insert, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from agentos.hub.telemetry.counts import Key, Total
from agentos.hub.telemetry.event import OK, EventRecord
from agentos.store import Store
from agentos.store.tables import HUB_COUNTS, HUB_EVENTS

#: The most that one page holds.
LONGEST_PAGE = 1000
#: What a filter on the outcome calls everything but success.
ANY_ERROR = "error"
#: An arbitrary number that stands for "somebody appends to the hub's log".
_APPENDING = 0x48554245
_FORGET_AT_ONCE = 5000
_EQUAL = ("kind", "client", "project", "name", "principal")
_COLUMNS = [field.name for field in fields(EventRecord)]
_WRITTEN = [name for name in _COLUMNS if name != "id"]


@dataclass(frozen=True)
class Filters:
    """Which events are wanted; None is all.

    Attributes:
        kind, client, project, name, principal: As in the event.
        outcome: As in the event, or `error` for everything but `ok`.
        since, until: From this moment on, and before that one.
    """

    kind: str | None = None
    client: str | None = None
    project: str | None = None
    name: str | None = None
    principal: str | None = None
    outcome: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def on(self, query: Select[Any]) -> Select[Any]:
        """Narrow a query."""
        table = HUB_EVENTS.c
        for name in _EQUAL:
            if (value := getattr(self, name)) is not None:
                query = query.where(table[name] == value)
        if self.outcome == ANY_ERROR:
            query = query.where(table.outcome != OK)
        elif self.outcome is not None:
            query = query.where(table.outcome == self.outcome)
        if self.since is not None:
            query = query.where(table.at >= self.since)
        return query if self.until is None else query.where(table.at < self.until)

    def match(self, record: EventRecord) -> bool:
        """Tell whether an event is wanted."""
        for name in _EQUAL:
            if (value := getattr(self, name)) is not None and value != getattr(record, name):
                return False
        if self.outcome == ANY_ERROR:
            if record.outcome == OK:
                return False
        elif self.outcome not in (None, record.outcome):
            return False
        if self.since is not None and record.at < self.since:
            return False
        return self.until is None or record.at < self.until


EVERYTHING = Filters()


@dataclass(frozen=True)
class Page:
    """A part of the log, the newest first.

    Attributes:
        records: The events.
        next: Where the next page begins, None after the last one.
    """

    records: list[EventRecord]
    next: int | None


async def append(store: Store, records: Sequence[EventRecord], counts: Mapping[Key, Total]) -> None:
    """Write events, and add to what is counted: all or nothing.

    Raises:
        StoreError: The store refused.
    """
    # Not asdict(), which copies deeply: that took a tenth of the time of a busy hub.
    rows = [{name: getattr(record, name) for name in _WRITTEN} for record in records]
    async with store.writing() as connection:
        if connection.dialect.name == "postgresql":
            # Ids in the order of commits: who read up to one has missed none below it.
            await connection.execute(text("select pg_advisory_xact_lock(:n)"), {"n": _APPENDING})
        if rows:
            await connection.execute(insert(HUB_EVENTS), rows)
        if counts:
            await _count(connection, counts)


async def _count(connection: AsyncConnection, counts: Mapping[Key, Total]) -> None:
    maker = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = maker.insert(HUB_COUNTS)
    old, new = HUB_COUNTS.c, statement.excluded
    statement = statement.on_conflict_do_update(
        index_elements=["kind", "name", "outcome"],
        set_={
            "count": old["count"] + new["count"],
            "duration_ms": old.duration_ms + new.duration_ms,
        },
    )
    rows = [
        dict(zip(("kind", "name", "outcome"), key, strict=True)) | asdict(total)
        for key, total in counts.items()
    ]
    await connection.execute(statement, rows)


async def counted(store: Store) -> dict[Key, Total]:
    """Return how often everything happened, since the store was made."""
    async with store.reading() as connection:
        rows = (await connection.execute(select(HUB_COUNTS))).all()
    return {(r.kind, r.name, r.outcome): Total(r[3], r.duration_ms) for r in rows}


async def newest_id(store: Store) -> int:
    """Return the place of the newest event, 0 if there is none."""
    async with store.reading() as connection:
        return await connection.scalar(select(func.max(HUB_EVENTS.c.id))) or 0


async def page(
    store: Store, filters: Filters = EVERYTHING, after: int | None = None, limit: int = 100
) -> Page:
    """Read the log backwards.

    Args:
        store: The store.
        filters: Which events.
        after: Where the page before ended (its `next`); None begins with the newest.
        limit: How many, up to `LONGEST_PAGE`.
    """
    limit = min(limit, LONGEST_PAGE)
    query = filters.on(select(HUB_EVENTS)).order_by(HUB_EVENTS.c.id.desc()).limit(limit + 1)
    if after is not None:
        query = query.where(HUB_EVENTS.c.id < after)
    records = await _read(store, query)
    more = len(records) > limit
    return Page(records[:limit], records[limit - 1].id if more else None)


async def following(
    store: Store, after: int, filters: Filters = EVERYTHING, limit: int = LONGEST_PAGE
) -> list[EventRecord]:
    """Read the log forwards.

    Args:
        store: The store.
        after: The place of the last event that is known.
        filters: Which events.
        limit: How many at most.
    """
    query = filters.on(select(HUB_EVENTS)).where(HUB_EVENTS.c.id > after)
    return await _read(store, query.order_by(HUB_EVENTS.c.id).limit(limit))


async def forget_before(store: Store, moment: datetime) -> int:
    """Delete the events before a moment, some at a time so that no writer waits for long.

    Returns:
        How many they were.
    """
    table = HUB_EVENTS.c
    old = select(table.id).where(table.at < moment).order_by(table.at).limit(_FORGET_AT_ONCE)
    forgotten = 0
    while True:
        async with store.writing() as connection:
            gone = await connection.execute(delete(HUB_EVENTS).where(table.id.in_(old)))
        forgotten += gone.rowcount
        if gone.rowcount < _FORGET_AT_ONCE:
            return forgotten


def retained_since(days: float) -> datetime:
    """Return the moment before which events are forgotten."""
    try:
        return datetime.now(UTC) - timedelta(days=days)
    except OverflowError:
        return datetime.min.replace(tzinfo=UTC)


async def _read(store: Store, query: Select[Any]) -> list[EventRecord]:
    async with store.reading() as connection:
        rows = (await connection.execute(query)).mappings().all()
    return [EventRecord(**{name: row[name] for name in _COLUMNS}) for row in rows]
