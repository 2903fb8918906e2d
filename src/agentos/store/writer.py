"""The thread that writes to SQLite.

A transaction that awaits each of its statements changes threads for each; here it changes once.
Another thread carries over what was written ahead: a commit that did would wait for the disk.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from typing import TypeVar

from sqlalchemy import Connection, Engine

T = TypeVar("T")

_logger = logging.getLogger(__name__)
#: Transactions after which what they wrote ahead (some 8 MB) is carried over.
_CHECKPOINT_AFTER = 500


class Writer:
    """Runs transactions one after the other, in a thread of their own.

    Args:
        engine: Its connections begin by taking SQLite's lock for writing.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="agentos-store")
        self._checkpoints = ThreadPoolExecutor(1, thread_name_prefix="agentos-store-checkpoints")
        self._checkpoint: Future[None] | None = None
        self._since_checkpoint = 0
        self._closed = False

    async def run(self, work: Callable[[Connection], T]) -> T:
        """Run a function in a transaction; one that has begun is not stopped by cancellation."""
        running = self._thread.submit(self._transaction, work)
        try:
            return await asyncio.wrap_future(running)
        except asyncio.CancelledError:
            await asyncio.gather(asyncio.wrap_future(running), return_exceptions=True)
            raise

    async def close(self) -> None:
        """Close the connections and end the threads. Safe to repeat."""
        if not self._closed:
            self._closed = True
            await asyncio.to_thread(self._end)

    def _transaction(self, work: Callable[[Connection], T]) -> T:
        with self._engine.begin() as connection:
            result = work(connection)
        self._since_checkpoint += 1
        if self._since_checkpoint >= _CHECKPOINT_AFTER and self._idle:
            self._since_checkpoint = 0
            self._checkpoint = self._checkpoints.submit(self._carry_over)
        return result

    @property
    def _idle(self) -> bool:
        return self._checkpoint is None or self._checkpoint.done()

    def _carry_over(self) -> None:
        try:
            with closing(self._engine.raw_connection()) as connection:
                connection.cursor().execute("PRAGMA wal_checkpoint(PASSIVE)")
        except sqlite3.DatabaseError as error:  # nothing is lost: it stays where it is
            _logger.warning("what was written ahead was not carried over: %s", error)

    def _end(self) -> None:
        self._thread.shutdown()
        self._checkpoints.shutdown()
        self._engine.dispose()
