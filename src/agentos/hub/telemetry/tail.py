"""The end of the log, for readers who follow it live.

A reader is no more than a place in the log. One query gets the new events for all of them into a
ring; a reader that is slower than the ring reads the store instead, a page at a time. So a slow
reader loses nothing and holds no memory.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from agentos.hub.telemetry.event import EventRecord
from agentos.hub.telemetry.log import EVERYTHING, LONGEST_PAGE, Filters, following, newest_id
from agentos.hub.waiting import set_within
from agentos.store import Store

#: How many of the newest events readers get without asking the store.
RING = 1000
#: Of how many things the last news is remembered.
MOST_NEWS = 512


@dataclass(frozen=True, slots=True)
class News:
    """What is told to those who follow now, and never written down.

    Attributes:
        kind: Of what.
        data: JSON in one line.
        number: Its place among the news.
    """

    kind: str
    data: str
    number: int


class Tail:
    """What is new in the log, by this hub and others on the same store.

    Attributes:
        readers: How many follow now.
    """

    def __init__(self, store: Store) -> None:
        self.readers = 0
        self._store = store
        self._ring: list[EventRecord] = []
        self._before_ring: int | None = None
        self._news = asyncio.Event()
        self._refreshing = asyncio.Lock()
        self._ended = False
        self._told: OrderedDict[tuple[str, str], News] = OrderedDict()
        self._last_told = 0

    def announce(self, kind: str, about: str, data: str) -> None:
        """Tell those who follow now; a slow one hears only the last news about each thing.

        Args:
            kind: Of what.
            about: The thing.
            data: JSON in one line.
        """
        self._last_told += 1
        self._told[kind, about] = News(kind, data, self._last_told)
        self._told.move_to_end((kind, about))
        while len(self._told) > MOST_NEWS:
            self._told.popitem(last=False)
        self._wake()

    async def refresh(self) -> None:
        """Look for new events and wake the readers.

        Raises:
            StoreError: The store cannot be read.
        """
        async with self._refreshing:
            if self._before_ring is None:
                self._before_ring = await newest_id(self._store)
                return
            while new := await following(self._store, self._newest, limit=LONGEST_PAGE):
                self._ring += new
                self._wake()
            if (surplus := len(self._ring) - RING) > 0:
                self._before_ring = self._ring[surplus - 1].id
                del self._ring[:surplus]

    async def follow(
        self,
        after: int | None,
        filters: Filters = EVERYTHING,
        *,
        heartbeat: float = 15.0,
        news_too: bool = False,
    ) -> AsyncGenerator[EventRecord | News | int]:
        """Yield new events as they come, and what is announced, until `end()`.

        Args:
            after: The place of the last event that is known; None begins with what is new.
            filters: Which events.
            heartbeat: Seconds of silence after which the reader's place in the log is yielded,
                as it is at the beginning.
            news_too: Whether what is announced is yielded as well.

        Raises:
            StoreError: The store cannot be read.
        """
        heard = self._last_told
        if not self.readers:
            self._forget()  # nobody looked since
        self.readers += 1
        try:
            await self.refresh()
            # A place beyond the end is that of a store that was there before this one.
            place = self._newest if after is None else min(after, self._newest)
            yield place
            while not self._ended:
                news = self._news
                if news_too:
                    for told in self._since(heard):
                        yield told
                heard = self._last_told
                while place < self._newest:
                    upto, records = await self._after(place, filters)
                    for record in records:
                        yield record
                    place = upto
                if not self._ended and not await set_within(news, heartbeat):
                    yield place
        finally:
            self.readers -= 1

    def _since(self, heard: int) -> list[News]:
        """Return what was announced after a number, in order."""
        found = []
        for told in reversed(self._told.values()):
            if told.number <= heard:
                break
            found.append(told)
        return found[::-1]

    def _forget(self) -> None:
        self._ring, self._before_ring = [], None

    def end(self) -> None:
        """Let every reader go, and those who come later."""
        self._ended = True
        self._wake()

    @property
    def held(self) -> int:
        """How many events are in the ring."""
        return len(self._ring)

    @property
    def _newest(self) -> int:
        return self._ring[-1].id if self._ring else self._before_ring or 0

    async def _after(self, place: int, filters: Filters) -> tuple[int, list[EventRecord]]:
        """Return some events after a place, and the place up to which that is all."""
        if place < (self._before_ring or 0):
            newest = self._newest
            records = await following(self._store, place, filters, LONGEST_PAGE)
            # What came meanwhile may be among them, with more behind it that is not.
            upto = records[-1].id if records else 0
            return (upto if len(records) == LONGEST_PAGE else max(upto, newest)), records
        begin = bisect_right(self._ring, place, key=lambda record: record.id)
        return self._newest, [record for record in self._ring[begin:] if filters.match(record)]

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()
