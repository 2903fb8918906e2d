"""What a command wrote, kept for whoever asks: in pieces that are numbered, the oldest dropped."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Literal

_CHUNK = 64 * 1024

Stream = Literal["stdout", "stderr"]


@dataclass(frozen=True, slots=True)
class OutputChunk:
    """A piece of a command's output.

    Attributes:
        seq: Its number; the first is 1, and there are no holes.
        stream: Which stream it was written to.
        data: The bytes.
    """

    seq: int
    stream: Stream
    data: bytes


class OutputLog:
    """Keep the end of what comes out of some pipes, in the order of its coming.

    Args:
        limit: How many bytes to keep, at least 1; the oldest chunks are dropped.
        pipes: The pipes' ends by stream, non-blocking; they are owned from here on.
    """

    def __init__(self, limit: int, pipes: Mapping[Stream, int | None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._limit, self._size, self._last = limit, 0, 0
        self._chunks: deque[OutputChunk] = deque()
        self._news: asyncio.Future[None] = self._loop.create_future()
        self._open: set[int] = set()
        for stream, fd in pipes.items():
            if fd is not None:
                self._open.add(fd)
                self._loop.add_reader(fd, self._take, fd, stream)

    def read(self, after: int = 0) -> list[OutputChunk]:
        """Return the chunks that are kept and have a number above `after`."""
        kept = len(self._chunks)
        return list(islice(self._chunks, max(0, after - (self._last - kept)), None))

    async def follow(self, after: int = 0) -> AsyncIterator[OutputChunk]:
        """Go through the chunks above `after`, and those to come until the pipes end."""
        while True:
            news = self._news
            for chunk in self.read(after):
                yield chunk
                after = chunk.seq
            if after < self._last:
                continue  # more came while these were handed on
            if not self._open:
                return
            await asyncio.shield(news)

    def _take(self, fd: int, stream: Stream) -> None:
        try:
            data = os.read(fd, min(_CHUNK, self._limit))
        except BlockingIOError:
            return
        if data:
            self._keep(stream, data)
        else:
            self._let_go(fd)
        self._tell()

    def _keep(self, stream: Stream, data: bytes) -> None:
        self._last += 1
        self._chunks.append(OutputChunk(self._last, stream, data))
        self._size += len(data)
        while self._size > self._limit and len(self._chunks) > 1:
            self._size -= len(self._chunks.popleft().data)

    def _tell(self) -> None:
        self._news.set_result(None)
        self._news = self._loop.create_future()

    def _let_go(self, fd: int) -> None:
        self._open.discard(fd)
        if not self._loop.is_closed():
            self._loop.remove_reader(fd)
        os.close(fd)

    def close(self) -> None:
        """Let go of the pipes; what was kept can still be read."""
        if self._open:
            for fd in list(self._open):
                self._let_go(fd)
            self._tell()
