"""What must not be left half done, whoever is cancelled.

A statement of SQLite runs in a thread, which nothing stops: who does not wait for it leaves a
transaction open, and with it the lock that all other writers wait for.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from sqlalchemy import Pool
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncTransaction
from sqlalchemy.util import greenlet_spawn

T = TypeVar("T")


async def to_the_end(work: Coroutine[Any, Any, T]) -> T:
    """Await something to its end, also when this is cancelled meanwhile, and then say so.

    Raises:
        CancelledError: This was cancelled; the work has ended all the same.
    """
    running = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not running.done():
        try:
            await asyncio.wait((running,))
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None and not running.cancelled():
        running.exception()  # it is seen, and the cancellation is what counts
        raise cancelled
    return running.result()


@asynccontextmanager
async def connected(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Have a connection, which is given back in any case."""
    pool, connection = engine.pool, engine.connect()
    try:
        await to_the_end(_start(connection))
        yield connection
    finally:
        if connection.sync_connection is not None:
            await to_the_end(_give_back(connection, engine, pool))


@asynccontextmanager
async def transaction(connection: AsyncConnection) -> AsyncIterator[None]:
    """Have a transaction, which is either committed at the end or rolled back."""
    begun = connection.begin()
    try:
        await to_the_end(_start(begun))
        yield
    except BaseException:
        if begun.sync_transaction is not None:
            await to_the_end(begun.rollback())
        raise
    if begun.is_active:  # else the block has ended it
        await to_the_end(begun.commit())


async def _start(what: AsyncConnection | AsyncTransaction) -> None:
    await what.start()


async def _give_back(connection: AsyncConnection, engine: AsyncEngine, pool: Pool) -> None:
    """Return a connection to its pool, and close it if the engine has let go of that meanwhile."""
    await connection.close()
    if engine.pool is not pool:
        await greenlet_spawn(pool.dispose)
