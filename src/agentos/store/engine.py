"""Engines for SQLite and PostgreSQL that keep their transactions."""

from __future__ import annotations

from typing import Any

from sqlalchemy import URL, Connection, StaticPool, event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

#: Execution option of a connection that will write.
WRITES = "agentos_writes"
#: How long a writer waits for another one, in seconds.
PATIENCE = 30

#: Pages written ahead (16 MB) before a commit carries them over, and waits for the disk. At
#: SQLite's own 1,000 pages, one event in fifty of a busy session met such a commit.
_PAGES = 4000

_DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+psycopg"}


def make_engine(url: URL) -> AsyncEngine:
    """Make an engine; it connects when it is used."""
    kind = url.get_backend_name()
    url = url.set(drivername=_DRIVERS[kind])
    if kind == "postgresql":
        return create_async_engine(url, pool_pre_ping=True)
    memory = not url.database or url.database == ":memory:"
    pool = {"poolclass": StaticPool} if memory else {}
    engine = create_async_engine(url, connect_args={"timeout": PATIENCE}, **pool)
    event.listen(engine.sync_engine, "connect", _prepare)
    event.listen(engine.sync_engine, "begin", _begin)
    return engine


def _prepare(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver's own BEGIN would come too late for DDL
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.execute(f"PRAGMA wal_autocheckpoint={_PAGES}")
    cursor.close()


def _begin(connection: Connection) -> None:
    # A reader that turns writer would fail at once if another wrote meanwhile: say it first.
    writes = connection.get_execution_options().get(WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
