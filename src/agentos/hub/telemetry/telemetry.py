"""Recording what the hub is asked, without ever being in its way."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from sqlalchemy.exc import SQLAlchemyError

from agentos.errors import ConfigInvalid, StoreError
from agentos.home.projects import ActiveProjects
from agentos.hub.settings import HubSettings
from agentos.hub.telemetry import log
from agentos.hub.telemetry.counts import Counts, Key, Total
from agentos.hub.telemetry.event import EventRecord, HubEvent, kept
from agentos.hub.telemetry.exchange import current_exchange
from agentos.hub.telemetry.log import EVERYTHING, Filters, Page
from agentos.hub.telemetry.metrics import Metrics
from agentos.hub.telemetry.tail import News, Tail
from agentos.hub.telemetry.tracing import Tracing
from agentos.store import Store

_logger = logging.getLogger(__name__)
#: How many events wait for a store that does not take them; what comes then is dropped.
MOST_WAITING = 10_000
#: How many are written in one transaction.
BATCH = 1000
RECENT = 100
#: A store that answers too late is told by SQLAlchemy itself.
_TROUBLE = (StoreError, SQLAlchemyError)


@dataclass(frozen=True)
class Pace:
    """How long telemetry takes its time, in seconds.

    Attributes:
        batch: From an event to the batch that holds it: what a crash loses at most.
        retry: Until a store that refused is tried again.
        poll: How often to look for what other hubs wrote, while somebody follows.
        retention: How often to forget what is too old.
        flush: How long the end waits for the store.
    """

    batch: float = 0.25
    retry: float = 5.0
    poll: float = 1.0
    retention: float = 3600.0
    flush: float = 5.0


class Telemetry:
    """Record events, and answer what was recorded.

    Use it as an asynchronous context manager, inside the application's lifespan; leaving it writes
    what still waits. It is used from one event loop.

    Args:
        store: Where to; the caller closes it.
        settings: How long to keep events, where traces go.
        projects: Knows each client's active project.
        pace: How long it takes its time.

    Attributes:
        metrics: For Prometheus.
        projects: As given.
        dropped: How many events were not written down.
        started: When it began.

    Example:
        ```python
        async with Telemetry(store, settings) as telemetry:
            telemetry.record(HubEvent(kind=Kind.TOOL, name="list_portfolio_files", client="codex"))
        ```
    """

    def __init__(
        self,
        store: Store,
        settings: HubSettings | None = None,
        *,
        projects: ActiveProjects | None = None,
        pace: Pace | None = None,
    ) -> None:
        self.settings = settings or HubSettings()
        self.projects = projects or ActiveProjects(self.settings.projects)
        self.metrics = Metrics()
        self.dropped = 0
        self.started = datetime.now(UTC)
        self._began = time.monotonic()
        self._store = store
        self._pace = pace or Pace()
        self._counts = Counts()
        self._recent: deque[EventRecord] = deque(maxlen=RECENT)
        self._waiting: deque[EventRecord] = deque()
        self._stirred = asyncio.Event()
        self._hurry = asyncio.Event()
        self._ending = False
        self._begun = False
        self._failing = False
        self._writing = asyncio.Lock()
        self._tail = Tail(store)
        self._tracing: Tracing | None = None
        self._running = AsyncExitStack()
        self.metrics.readers.set_function(lambda: self._tail.readers)

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as entered:
            self._tracing = await entered.enter_async_context(Tracing.of(self.settings))
            await self._begin_soon()
            await entered.enter_async_context(self._tasks())
            self._running = entered.pop_all()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._running.aclose()

    def record(self, event: HubEvent) -> None:
        """Take an event, to be written soon. It never waits and never fails for the store.

        In a request, the event gets the request's own id.
        """
        exchange = current_exchange()
        if exchange is not None:
            event.request_id = exchange.id
        record = kept(event, "" if event.project else self._project(event.client))
        key = self._counts.add((record.kind, record.name, record.outcome), record.duration_ms)
        self.metrics.observe(key, record.duration_ms)
        self._recent.append(record)
        if self._tracing is not None:
            self._tracing.add(record)
        if len(self._waiting) >= MOST_WAITING or self._ending:
            self._drop(1)
        else:
            self._waiting.append(record)
            if len(self._waiting) == BATCH:
                self._hurry.set()
        self._stirred.set()

    def recent(self, count: int = RECENT) -> list[EventRecord]:
        """Return the last events, the newest first; those that still wait are among them."""
        return list(self._recent)[: -count - 1 : -1]

    def counts(self) -> dict[Key, Total]:
        """Return how often everything happened since the store was made."""
        return self._counts.totals()

    def uptime(self) -> float:
        """Return for how many seconds it has been there."""
        return time.monotonic() - self._began

    def waiting(self) -> int:
        """Return how many events are yet to be written."""
        return len(self._waiting)

    async def query(
        self, filters: Filters = EVERYTHING, after: int | None = None, limit: int = 100
    ) -> Page:
        """Read a page of the log, the newest first.

        Args:
            filters: Which events.
            after: The `next` of the page before.
            limit: How many.

        Raises:
            StoreError: The store cannot be read.
        """
        return await log.page(self._store, filters, after, limit)

    def follow(
        self,
        after: int | None = None,
        filters: Filters = EVERYTHING,
        *,
        heartbeat: float = 15.0,
        news_too: bool = False,
    ) -> AsyncGenerator[EventRecord | News | int]:
        """Yield events as they are written, see `Tail.follow`."""
        return self._tail.follow(after, filters, heartbeat=heartbeat, news_too=news_too)

    def announce(self, kind: str, about: str, data: str) -> None:
        """Tell those who follow now, see `Tail.announce`."""
        self._tail.announce(kind, about, data)

    def end_streams(self) -> None:
        """Let go of all who follow: a server calls this when it begins to shut down."""
        self._tail.end()

    @property
    def ring_size(self) -> int:
        """How many stored events are held for those who follow."""
        return self._tail.held

    @property
    def tracing_dropped(self) -> int:
        """How many spans did not reach the collector."""
        return 0 if self._tracing is None else self._tracing.dropped

    @property
    def readers(self) -> int:
        """How many follow now."""
        return self._tail.readers

    async def flush(self) -> None:
        """Write what is waiting.

        Raises:
            StoreError: The store refused; the events go on waiting.
        """
        async with self._writing:
            await self._begin()
            # What comes meanwhile waits for the next time, so that it is written together.
            batches = max(-(-len(self._waiting) // BATCH), int(self._counts.unsaved))
            for _ in range(batches):
                await self._write_batch()
        if self._tail.readers:
            await self._tail.refresh()

    @asynccontextmanager
    async def _tasks(self) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as group:
            others = [group.create_task(self._forget()), group.create_task(self._watch())]
            writer = group.create_task(self._write())
            self._stirred.set()
            try:
                yield
            finally:
                self.end_streams()
                self._ending = True
                self._stirred.set()
                self._hurry.set()
                for task in others:
                    task.cancel()
                await asyncio.wait((writer,), timeout=self._pace.flush)
                if not writer.done():
                    writer.cancel()
                    await asyncio.wait((writer,))
                if self._waiting:
                    _logger.warning("%d events of the hub were not written", len(self._waiting))
                    self._forsake(len(self._waiting))

    def _project(self, client: str) -> str:
        try:
            return self.projects.name(client) or ""
        except (ConfigInvalid, OSError):
            return ""  # whoever needs the project is told; an event is recorded all the same

    async def _write(self) -> None:
        """Write batch after batch, until the end and nothing is left."""
        while not (self._ending and not self._counts.unsaved):
            await self._stirred.wait()
            await self._pause(self._pace.batch)
            self._stirred.clear()
            try:
                await self.flush()
            except _TROUBLE as error:
                self._told(error)
                if self._ending:
                    return
                self._hurry.clear()
                await self._pause(self._pace.retry)
                self._stirred.set()
            else:
                self._failing = False
            if not self._ending:
                self._hurry.clear()

    async def _begin_soon(self) -> None:
        """Begin at once if the store answers; the hub starts all the same."""
        try:
            async with asyncio.timeout(self._pace.flush):
                await self._begin()
        except _TROUBLE as error:
            self._told(error)
        except TimeoutError:
            _logger.warning("the store does not tell what was counted; the hub starts without")

    async def _begin(self) -> None:
        """Count on from what the store has, before anything is added to it."""
        if not self._begun:
            self._counts.saved_before(await log.counted(self._store))
            self._begun = True

    async def _write_batch(self) -> None:
        batch = [self._waiting[i] for i in range(min(len(self._waiting), BATCH))]
        counts = self._counts.take_unsaved()
        try:
            await log.append(self._store, batch, counts)
        except BaseException as error:
            self._counts.give_back(counts)
            if isinstance(error, StoreError) and not error.retryable:
                self._forsake(len(batch))
            raise
        for _ in batch:
            self._waiting.popleft()

    def _forsake(self, count: int) -> None:
        for _ in range(count):
            self._waiting.popleft()
        self._drop(count)

    async def _forget(self) -> None:
        while True:
            try:
                moment = log.retained_since(self.settings.retention_days)
                await log.forget_before(self._store, moment)
            except _TROUBLE as error:
                self._told(error)
            await asyncio.sleep(self._pace.retention)

    async def _watch(self) -> None:
        """Look for what other hubs on this store wrote, while somebody follows."""
        while True:
            await asyncio.sleep(self._pace.poll)
            if self._tail.readers:
                try:
                    await self._tail.refresh()
                except _TROUBLE as error:
                    self._told(error)

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._hurry.wait()
        except TimeoutError:
            pass

    def _drop(self, count: int) -> None:
        self.dropped += count
        self.metrics.dropped.inc(count)
        if not self._failing and not self._ending:
            _logger.warning("the store does not keep up: events of the hub are dropped")
            self._failing = True

    def _told(self, error: Exception) -> None:
        """Say once that the store fails, until it works again."""
        if not self._failing:
            _logger.warning("the hub's log cannot be written now: %s", error)
        self._failing = True
