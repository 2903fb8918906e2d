"""Engines for SQLite and PostgreSQL that keep their transactions."""

from __future__ import annotations

from typing import Any

from sqlalchemy import URL, Connection, Engine, StaticPool, create_engine, event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

#: Execution option of a connection that will write.
WRITES = "agentos_writes"
#: How long a writer waits for another one, in seconds.
PATIENCE = 30

#: Pages written ahead (32 MB) before a commit carries them over itself, and waits for the disk:
#: more than the `Writer` leaves there.
_PAGES = 8000

#: KB of pages that a connection keeps at most: the index of the ledger's calls is larger than
#: SQLite's usual 2 MB, and is written all over.
_CACHE = 32_000

_DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+psycopg"}


def make_engine(url: URL) -> AsyncEngine:
    """Make an engine; it connects when it is used."""
    kind = url.get_backend_name()
    url = url.set(drivername=_DRIVERS[kind])
    if kind == "postgresql":
        return create_async_engine(url, pool_pre_ping=True)
    pool = {"poolclass": StaticPool} if _in_memory(url) else {}
    engine = create_async_engine(url, connect_args={"timeout": PATIENCE}, **pool)
    _prepare_connections(engine.sync_engine)
    return engine


def make_writing_engine(url: URL) -> Engine | None:
    """Make an engine for a thread that writes to a file of SQLite; None for any other store."""
    if url.get_backend_name() != "sqlite" or _in_memory(url):
        return None
    engine = create_engine(url.set(drivername="sqlite"), connect_args={"timeout": PATIENCE})
    _prepare_connections(engine)
    return engine.execution_options(**{WRITES: True})


def _in_memory(url: URL) -> bool:
    return not url.database or url.database == ":memory:"


def _prepare_connections(engine: Engine) -> None:
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)


def _prepare(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver's own BEGIN would come too late for DDL
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.execute(f"PRAGMA wal_autocheckpoint={_PAGES}")
    cursor.execute(f"PRAGMA cache_size=-{_CACHE}")
    cursor.close()


def _begin(connection: Connection) -> None:
    # A reader that turns writer would fail at once if another wrote meanwhile: say it first.
    writes = connection.get_execution_options().get(WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
