"""Model calls in the store: written behind the calls' backs, in batches."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from dataclasses import fields
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Self

from sqlalchemy import func, insert, select

from agentos.errors import StoreError
from agentos.models.budgets import Budget, Spent
from agentos.models.metering import ModelCall
from agentos.store import Store
from agentos.store.tables import MODEL_CALLS
from agentos.usage.prices import Tokens

_logger = logging.getLogger(__name__)
#: How many calls wait for a store that does not answer before the oldest are given up.
MOST_WAITING = 10_000
_RETRY_SECONDS = 5.0
_FIELDS = [field.name for field in fields(ModelCall) if field.name != "tokens"]
_COUNTS = [field.name for field in fields(Tokens)]


class CallJournal:
    """Write calls down, and know what was spent.

    Use it as an asynchronous context manager; leaving it writes what is still waiting.

    Args:
        store: Where to; the caller closes it.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: deque[ModelCall] = deque()
        self._stirred = asyncio.Event()
        self._ending = asyncio.Event()
        self._flushing = asyncio.Lock()
        self._writing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._writing = asyncio.create_task(self._work(), name="agentos model calls")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._ending.set()
        self._stirred.set()
        if self._writing is not None:
            await asyncio.wait((self._writing,))

    def add(self, call: ModelCall) -> None:
        """Take a call, to be written soon."""
        if len(self._waiting) >= MOST_WAITING:
            self._waiting.popleft()
            _logger.warning("the store does not keep up: a model call was not written down")
        self._waiting.append(call)
        self._stirred.set()

    async def flush(self) -> None:
        """Write what is waiting.

        Raises:
            StoreError: The store refused; the calls go on waiting.
        """
        async with self._flushing:
            batch = tuple(self._waiting)
            if not batch:
                return
            async with self._store.writing() as connection:
                await connection.execute(insert(MODEL_CALLS), [_row(call) for call in batch])
            for _ in batch:
                self._waiting.popleft()

    async def spent(self, budget: Budget, scope: str) -> Spent:
        """Add up what was spent of a budget before.

        Args:
            budget: The budget.
            scope: The session key's id, the profile, or the day.
        """
        table = MODEL_CALLS.c
        await self.flush()
        query = select(func.sum(table.price), func.sum(table.input), func.sum(table.output))
        if budget.per == "session":
            query = query.where(table.key_id == scope)
        elif budget.per == "profile":
            query = query.where(table.profile == scope)
        else:
            begin = datetime.combine(date.fromisoformat(scope), time(), UTC)
            query = query.where(table.at >= begin, table.at < begin + timedelta(days=1))
        if budget.profile is not None:
            query = query.where(table.profile == budget.profile)
        async with self._store.reading() as connection:
            money, read, written = (await connection.execute(query)).one()
        return Spent(float(money or 0), int(read or 0) + int(written or 0))

    async def _work(self) -> None:
        while not (self._ending.is_set() and not self._waiting):
            await self._stirred.wait()
            self._stirred.clear()
            try:
                await self.flush()
            except StoreError as error:
                waiting = len(self._waiting)
                if self._ending.is_set():
                    _logger.warning("%d model calls were not written down: %s", waiting, error)
                    return
                _logger.warning("%d model calls wait to be written down: %s", waiting, error)
                await self._pause()

    async def _pause(self) -> None:
        self._stirred.set()
        try:
            async with asyncio.timeout(_RETRY_SECONDS):
                await self._ending.wait()
        except TimeoutError:
            pass


def _row(call: ModelCall) -> dict[str, Any]:
    row = {name: getattr(call, name) for name in _FIELDS}
    row["kind"] = call.kind.value
    return row | {name: getattr(call.tokens, name, None) for name in _COUNTS}
