"""The output of a command as an asyncio stream, read as fast as its pipe gives it."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
from typing import Any

#: What a pipe holds at first, and what it is enlarged to once somebody reads that much at a time.
_PIPE, _LARGE_PIPE = 64 * 1024, 256 * 1024
#: Reads of at least this size go past the buffer.
_LARGE_READ = 16 * 1024
#: So many of them follow each other before other tasks have a turn.
_TURN = 16


class PipeReader(asyncio.StreamReader):
    """A `StreamReader` that reads the pipe itself.

    While somebody waits in a large `read(n)`, the bytes go there without being copied. Otherwise
    up to twice the limit is buffered, and then the command waits.

    Args:
        fd: The pipe's end, non-blocking; it is owned from here on.
        limit: As of `StreamReader`, in bytes.
    """

    _buffer: bytearray
    _waiter: asyncio.Future[Any] | None

    def __init__(self, fd: int, limit: int) -> None:
        self._events = asyncio.get_running_loop()
        super().__init__(limit=limit, loop=self._events)
        self._fd, self._pipe = fd, os.fdopen(fd, "rb", buffering=0)
        self._wanted = 0  # by who waits in `read`; 0 if nobody does
        self._reads = 0
        self._large = False
        self.set_transport(_Transport(self))
        self.resume()

    async def read(self, n: int = -1) -> bytes:
        """Read up to `n` bytes, or with -1 all until the end."""
        while n >= _LARGE_READ and self._is_direct():
            self._reads += 1
            if self._reads > _TURN:
                self._reads = 0
                await asyncio.sleep(0)
                continue
            chunk = self._take(n)
            if chunk is None:
                chunk = await self._next(n)
            if len(chunk) == _PIPE:
                self._enlarge()
            return chunk
        return await super().read(n)

    def _is_direct(self) -> bool:
        return not (self._buffer or self._waiter or self._pipe.closed or self.exception())

    async def _next(self, n: int) -> bytes:
        """Wait for what comes next, at most `n` bytes."""
        waiter = self._waiter = self._events.create_future()
        self._wanted, self._reads = n, 0
        try:
            return await waiter or b""
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and not waiter.exception():
                self._buffer[:0] = waiter.result() or b""  # it came too late to be handed on
            raise
        finally:
            if self._waiter is waiter:
                self._waiter, self._wanted = None, 0

    def _on_readable(self) -> None:
        wanted, waiter = self._wanted, self._waiter
        chunk = self._take(wanted or _PIPE)
        if not chunk:
            return
        if wanted and waiter and not waiter.done():
            self._waiter, self._wanted = None, 0  # what comes next is not for this one
            waiter.set_result(chunk)
        else:
            self.feed_data(chunk)

    def _take(self, n: int) -> bytes | None:
        """Read what the pipe has: nothing at its end, None if there may be more later."""
        try:
            chunk = os.read(self._fd, n)
        except (BlockingIOError, InterruptedError):
            return None
        if not chunk:
            self.close()
        return chunk

    def _enlarge(self) -> None:
        """Let more come at a time, as whoever reads keeps up: the pipe was full."""
        if self._large or self._pipe.closed:
            return
        self._large = True
        with contextlib.suppress(PermissionError):  # together this user's pipes are large enough
            fcntl.fcntl(self._fd, fcntl.F_SETPIPE_SZ, _LARGE_PIPE)

    def pause(self) -> None:
        """Stop reading: the command waits when its pipe is full."""
        self._events.remove_reader(self._fd)

    def resume(self) -> None:
        """Read on."""
        if not self._pipe.closed:
            self._events.add_reader(self._fd, self._on_readable)

    def close(self) -> None:
        """Let go of the pipe; what was buffered can still be read."""
        if self._pipe.closed:
            return
        if not self._events.is_closed():
            self._events.remove_reader(self._fd)
        self._pipe.close()
        self.feed_eof()


class _Transport(asyncio.ReadTransport):
    """What a stream knows of where its bytes come from."""

    def __init__(self, reader: PipeReader) -> None:
        super().__init__()
        self._reader = reader

    def pause_reading(self) -> None:
        self._reader.pause()

    def resume_reading(self) -> None:
        self._reader.resume()
