"""Things that happen one after the other, numbered and kept for whoever comes later."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from itertools import islice
from typing import Generic, Protocol, TypeVar


class Numbered(Protocol):
    """Something that knows its number; the first is 1, and there are no holes."""

    @property
    def seq(self) -> int: ...


_T = TypeVar("_T", bound=Numbered)


class Replay(Generic[_T]):
    """Keep the last of them, to be read again by any number of readers."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._kept: deque[_T] = deque()
        self._news: asyncio.Future[None] = self._loop.create_future()
        self._ended = False
        #: The number of the last one, kept or not.
        self.last = 0

    def __len__(self) -> int:
        return len(self._kept)

    def add(self, item: _T) -> None:
        """Keep one more, whose number is the next."""
        self.last = item.seq
        self._kept.append(item)
        self._tell()

    def drop_oldest(self) -> _T:
        """Forget the oldest that is kept."""
        return self._kept.popleft()

    def end(self) -> None:
        """Tell that no more will come."""
        self._ended = True
        self._tell()

    def read(self, after: int = 0) -> list[_T]:
        """Return those that are kept and have a number above `after`."""
        forgotten = self.last - len(self._kept)
        return list(islice(self._kept, max(0, after - forgotten), None))

    async def follow(self, after: int = 0) -> AsyncIterator[_T]:
        """Go through those above `after`, and those to come until the end."""
        while True:
            news = self._news
            for item in self.read(after):
                yield item
                after = item.seq
            if after < self.last:
                continue  # more came while these were handed on
            if self._ended:
                return
            await asyncio.shield(news)

    def _tell(self) -> None:
        self._news.set_result(None)
        self._news = self._loop.create_future()
