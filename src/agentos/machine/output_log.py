"""What a command wrote, kept for whoever asks: in pieces that are numbered, the oldest dropped."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Literal

from agentos.machine.replay import Replay

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
        self._limit, self._size = limit, 0
        self._chunks: Replay[OutputChunk] = Replay()
        self._open: set[int] = set()
        for stream, fd in pipes.items():
            if fd is not None:
                self._open.add(fd)
                self._loop.add_reader(fd, self._take, fd, stream)
        if not self._open:
            self._chunks.end()

    def read(self, after: int = 0) -> list[OutputChunk]:
        """Return the chunks that are kept and have a number above `after`."""
        return self._chunks.read(after)

    def follow(self, after: int = 0) -> AsyncIterator[OutputChunk]:
        """Go through the chunks above `after`, and those to come until the pipes end."""
        return self._chunks.follow(after)

    def _take(self, fd: int, stream: Stream) -> None:
        try:
            data = os.read(fd, min(_CHUNK, self._limit))
        except BlockingIOError:
            return
        if not data:
            self._let_go(fd)
            return
        self._chunks.add(OutputChunk(self._chunks.last + 1, stream, data))
        self._size += len(data)
        while self._size > self._limit:
            self._size -= len(self._chunks.drop_oldest().data)

    def _let_go(self, fd: int) -> None:
        self._open.discard(fd)
        if not self._loop.is_closed():
            self._loop.remove_reader(fd)
        os.close(fd)
        if not self._open and not self._loop.is_closed():
            self._chunks.end()

    def close(self) -> None:
        """Let go of the pipes; what was kept can still be read."""
        for fd in list(self._open):
            self._let_go(fd)
