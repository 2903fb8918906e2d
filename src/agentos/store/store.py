"""Open the store, bring it up to date, read and write it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Self, TypeVar

from sqlalchemy import Connection, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from agentos.config import data_dir
from agentos.errors import ConfigInvalid, StoreError
from agentos.store.engine import WRITES, make_engine, make_writing_engine
from agentos.store.upgrade import upgrade
from agentos.store.whole import connected, to_the_end, transaction
from agentos.store.writer import Writer

T = TypeVar("T")


def default_url() -> str:
    """Return `$AGENTOS_STORE_URL`, by default a SQLite file in the data directory."""
    return os.environ.get("AGENTOS_STORE_URL") or f"sqlite:///{data_dir() / 'agentos.db'}"


class Store:
    """The database of one AgentOS, safe to open from several processes.

    Use `Store.open`. SQLite is written ahead (WAL): readers never wait for a writer, and what
    was committed survives the death of the process.

    Example:
        ```python
        from agentos.store import Store
        from sqlalchemy import text

        store = await Store.open("sqlite://")
        async with store.reading() as connection:
            print(await connection.scalar(text("select 1")))
        await store.close()
        ```
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        alone = make_writing_engine(engine.url)
        self._writer = Writer(alone) if alone is not None else None

    @classmethod
    async def open(cls, url: str | None = None) -> Self:
        """Open the store and bring it to the newest schema.

        Args:
            url: `sqlite:///PATH`, `sqlite://` (in memory) or `postgresql://...`; by default
                `default_url()`.

        Raises:
            ConfigInvalid: The URL cannot be read.
            StoreError: It cannot be opened, is damaged, or was made by a newer AgentOS.
        """
        engine = _engine(url or default_url())
        store = cls(engine)
        try:
            async with store.writing() as connection:
                await connection.run_sync(upgrade)
        except BaseException:
            await store.close()
            raise
        return store

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """Read in one transaction, which sees the store as it was at its first statement."""
        with _explained(self.engine):
            async with connected(self.engine) as connection:
                yield connection

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """Write in one transaction: all of it is kept when the block ends, or nothing."""
        engine = self.engine.execution_options(**{WRITES: True})
        with _explained(self.engine):
            async with connected(engine) as connection, transaction(connection):
                yield connection

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Write in one transaction, with as little delay as the database allows.

        Args:
            work: Given a connection; it blocks on nothing else. All that it wrote is kept when
                it returns, or nothing.
        """
        if self._writer is None:
            async with self.writing() as connection:
                return await connection.run_sync(work)
        with _explained(self.engine):
            return await self._writer.run(work)

    async def close(self) -> None:
        """Close every connection, also when cancelled meanwhile. Safe to repeat."""
        await to_the_end(self._close())

    async def _close(self) -> None:
        if self._writer is not None:
            await self._writer.close()
        await self.engine.dispose()


def _engine(url: str) -> AsyncEngine:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ConfigInvalid(
            f"the store's URL cannot be read: {url!r}",
            hint="use sqlite:///PATH or postgresql://USER@HOST/NAME",
        ) from error
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise ConfigInvalid(
            f"the store cannot be kept in {parsed.get_backend_name()}",
            hint="use sqlite:///PATH or postgresql://USER@HOST/NAME",
        )
    if parsed.get_backend_name() == "sqlite" and parsed.database:
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        return make_engine(parsed)
    except ModuleNotFoundError as error:
        raise ConfigInvalid(
            f"a store in PostgreSQL needs {error.name}",
            hint="pip install 'agentos-vm[postgresql]'",
        ) from error


class _explained:
    """Turn the database's own errors into ours, with what to do."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._place = engine.url.render_as_string(hide_password=True)

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, DatabaseError):
            raise _explain(self._place, error) from error


def _explain(place: str, error: DatabaseError) -> StoreError:
    words = str(error.orig)
    if "disk is full" in words or "No space left" in words:
        return StoreError(
            f"no space is left for the store {place}",
            code="store_full",
            hint="free some space; what was committed is kept",
            retryable=True,
        )
    if "malformed" in words or "not a database" in words:
        return StoreError(
            f"the store {place} is damaged: {words}",
            code="store_damaged",
            hint="move the file away to begin a new one, or restore a backup",
        )
    if isinstance(error, OperationalError):
        return StoreError(
            f"the store {place} cannot be used: {words}",
            code="store_unavailable",
            hint="is its place writable, its server up, and no other program holding it?",
            retryable=True,
        )
    return StoreError(f"the store {place} refused: {words}")
