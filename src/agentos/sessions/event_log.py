"""The events of one session: stored first, then delivered to whoever follows."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Protocol

from agentos.errors import AgentOsError, StoreError
from agentos.sessions.events import SessionEvent

#: Events that are kept at hand for readers; one who falls behind reads from the keeper.
AT_HAND = 2000
#: Events, and characters of them, that wait for the store at most; then the session fails.
MOST_WAITING = 100_000
MOST_WAITING_SIZE = 256 * 2**20
#: Seconds between attempts to store what could not be stored; then the session fails.
_PATIENCE = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 4.0)


class Keeper(Protocol):
    """Keeps the events of a session."""

    async def store(self, events: Sequence[SessionEvent]) -> None:
        """Store events, all or none.

        Raises:
            AgentOsError: They were not stored; if it is `retryable`, they may be yet.
        """

    async def compact(self) -> None:
        """Put together what belongs together."""

    def read(self, after: int) -> AsyncIterator[SessionEvent]:
        """Yield the stored events after a number, in order."""


class EventLog:
    """Number the events of a session, store them, and deliver them.

    Args:
        session_id: The session.
        keeper: Stores events; without one they are kept in memory, all of them.
        last_seq: The number of the last event that is stored already.

    Attributes:
        last_seq: The number of the last event, which may not be stored yet.
        failed: Done with the error when events could not be stored; nothing is delivered then.
    """

    def __init__(self, session_id: str, keeper: Keeper | None = None, last_seq: int = 0) -> None:
        self.session_id = session_id
        self.last_seq = last_seq
        self.failed: asyncio.Future[AgentOsError] = asyncio.get_running_loop().create_future()
        self._keeper = keeper
        self._stored = last_seq
        self._at_hand: deque[SessionEvent] = deque(maxlen=AT_HAND if keeper else None)
        self._pending: list[SessionEvent] = []
        self._waiting_size = 0
        self._compact = False
        self._changed = asyncio.Event()
        self._appended = asyncio.Event()
        self._closed = False
        self._error: Exception | None = None
        self._writing = asyncio.create_task(self._keep_writing(keeper)) if keeper else None

    def append(self, type: str, data: Mapping[str, Any]) -> SessionEvent:
        """Number an event; it is stored and then delivered, unless the log is closed already."""
        event = SessionEvent(self.last_seq + 1, self.session_id, time.time(), type, data)
        if self._closed:
            return event
        self.last_seq = event.seq
        if self._writing is None:
            self._deliver([event])
        else:
            self._await_storing(event, self._writing)
        return event

    def compact(self) -> None:
        """Have what is stored put together soon."""
        self._compact = True
        self._appended.set()

    def close(self, error: Exception | None = None) -> None:
        """End every reader's stream after the last event, with an error if there was one."""
        self._closed = True
        self._error = error
        self._appended.set()
        self._wake()

    async def finish(self) -> None:
        """Wait until all is stored; the log is closed already."""
        if self._writing is not None:
            await asyncio.wait({self._writing})

    async def between(self, first: int, last: int) -> list[SessionEvent]:
        """Return the events from one number to another, once they are stored.

        Raises:
            AgentOsError: They could not be stored.
        """
        found: list[SessionEvent] = []
        async for event in self.follow(first - 1):
            found.append(event)
            if event.seq == last:
                break
        return found

    async def follow(self, after: int = 0) -> AsyncIterator[SessionEvent]:
        """Yield the events after a number, those to come too, until the log is closed.

        Args:
            after: The `seq` of the last event that is already known.

        Raises:
            Exception: What the log was closed with.
        """
        position = max(after, 0)
        while True:
            changed = self._changed
            while position < self._stored:
                async for event in self._read(position):
                    position = event.seq
                    yield event
            if changed.is_set():
                continue
            if self._ended:
                break
            await changed.wait()
        if self._error is not None:
            raise self._error

    @property
    def _ended(self) -> bool:
        return self._closed and (self._stored == self.last_seq or self.failed.done())

    async def _read(self, after: int) -> AsyncIterator[SessionEvent]:
        """Yield what is stored after a number: from what is at hand, or from the keeper."""
        first = self._at_hand[0].seq if self._at_hand else self._stored + 1
        if after + 1 >= first:
            for event in list(self._at_hand)[after + 1 - first :]:
                yield event
        elif self._keeper is not None:
            async for event in self._keeper.read(after):
                if event.seq > self._stored:
                    break
                yield event

    def _await_storing(self, event: SessionEvent, writing: asyncio.Task[None]) -> None:
        waiting = self.last_seq - self._stored
        if waiting > MOST_WAITING or self._waiting_size > MOST_WAITING_SIZE:
            writing.cancel()
            self._pending = []
            self._fail(_stuck(waiting, self._waiting_size))
            return
        self._pending.append(event)
        self._waiting_size += _size(event.data)
        self._appended.set()

    async def _keep_writing(self, keeper: Keeper) -> None:
        try:
            await self._write(keeper)
        except Exception as error:  # noqa: BLE001 - who follows would wait for ever
            if not self.failed.done():
                failure = _broken(error)
                failure.__cause__ = error
                self._fail(failure)

    async def _write(self, keeper: Keeper) -> None:
        while not self._closed or self._pending or self._compact:
            await self._appended.wait()
            self._appended.clear()
            if batch := self._pending:
                self._pending = []
                if not await self._store(keeper, batch):
                    return
            if self._compact and not self._pending:
                self._compact = False
                if not await self._tried(keeper.compact()):
                    return

    async def _store(self, keeper: Keeper, batch: list[SessionEvent]) -> bool:
        for delay in (*_PATIENCE, None):
            try:
                await keeper.store(batch)
            except AgentOsError as error:
                if not error.retryable or delay is None:
                    self._fail(error)
                    return False
                await asyncio.sleep(delay)
            else:
                self._waiting_size -= sum(_size(event.data) for event in batch)
                self._deliver(batch)
                return True
        return False

    async def _tried(self, work: Any) -> bool:
        try:
            await work
        except AgentOsError as error:
            if not error.retryable:  # else the next turn's end does it
                self._fail(error)
                return False
        return True

    def _fail(self, error: AgentOsError) -> None:
        self.failed.set_result(error)
        self.close(error)

    def _deliver(self, events: list[SessionEvent]) -> None:
        self._at_hand.extend(events)
        self._stored = events[-1].seq
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


def _size(value: object) -> int:
    """Return how many characters plain JSON has, nearly."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, Mapping):
        return sum(len(key) + _size(part) for key, part in value.items())
    if isinstance(value, list | tuple):
        return sum(map(_size, value))
    return 8


def _broken(error: Exception) -> StoreError:
    return StoreError(
        f"the events could not be stored: {type(error).__name__}: {error}",
        code="store_failed",
        hint="what was stored before is kept: resume the session",
    )


def _stuck(events: int, size: int) -> StoreError:
    return StoreError(
        f"the store takes no more: {events:,} events of {size / 2**20:,.0f} MB wait for it",
        code="store_stuck",
        hint="is its disk or its server overloaded, or does another program hold it?",
        retryable=True,
    )
