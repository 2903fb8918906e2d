"""The output of a command as an asyncio stream, read as fast as its pipe gives it."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import io
import os
import time
from typing import Any

#: What a pipe holds at first, and what it is enlarged to once somebody reads that much at a time.
_PIPE, _LARGE_PIPE = 64 * 1024, 256 * 1024
#: Reads of at least this size go past the buffer.
_LARGE_READ = 16 * 1024
#: So many bytes come before other tasks have a turn; a small piece counts as a large read.
_TURN = 1024 * 1024
#: A command that has written this much since it was last looked at is a fast one.
_FAST = 32 * 1024
#: Seconds for which the next write of a fast command is waited for before the event loop is asked.
_PATIENCE = 0.0001
#: The most bytes of one piece: beyond 128 KB, memory would be mapped anew for each.
_MOST = 120 * 1024


class PipeReader(asyncio.StreamReader):
    """A `StreamReader` that reads the pipe itself.

    While somebody waits in a large `read(n)`, the bytes go there without being copied. Otherwise
    up to twice the limit is buffered, and then the command waits.

    What makes a pipe slow is waking up for each small write. So a large read gathers what is
    there, and between those of a fast command's output the pipe is asked again for a moment, and
    the processor offered to others, before the event loop waits for more.

    Args:
        fd: The pipe's end, non-blocking; it is owned from here on.
        limit: As of `StreamReader`, in bytes.
    """

    _buffer: bytearray
    _waiter: asyncio.Future[Any] | None
    _paused: bool

    def __init__(self, fd: int, limit: int) -> None:
        self._events = asyncio.get_running_loop()
        super().__init__(limit=limit, loop=self._events)
        # With a buffer of one byte, which is never used, `read` gathers all that the pipe has.
        self._fd, self._pipe = fd, io.BufferedReader(io.FileIO(fd), 1)
        self._wanted = 0  # by who waits in `read`; 0 if nobody does
        self._taken = 0  # since other tasks had a turn
        self._fast = self._large = self._watched = False
        self.set_transport(_Transport(self))
        self.resume()

    async def read(self, n: int = -1) -> bytes:
        """Read up to `n` bytes, or with -1 all until the end."""
        while n >= _LARGE_READ and self._is_direct():
            if self._taken >= _TURN:
                self._taken = 0
                await asyncio.sleep(0)
                continue
            chunk = self._take_soon(n) if self._fast else self._take(n)
            if chunk is None:
                chunk = await self._next(n)
            self._taken += max(len(chunk), _LARGE_READ)
            if len(chunk) >= _FAST:
                self._fast = True
                self._enlarge()
            return chunk
        return await super().read(n)

    def _take_soon(self, n: int) -> bytes | None:
        """Read what comes within moments: a fast command's next write.

        The event loop does not watch the pipe meanwhile, as the kernel would tell it of every
        write, which costs the command a third of its speed.
        """
        self._unwatch_for_now()
        give_up = time.monotonic() + _PATIENCE
        while (chunk := self._take(n)) is None:
            if time.monotonic() > give_up:
                self._fast = False
                break
            os.sched_yield()
        return chunk

    def _is_direct(self) -> bool:
        return not (self._buffer or self._waiter or self._pipe.closed or self.exception())

    async def _next(self, n: int) -> bytes:
        """Wait for what comes next, at most `n` bytes."""
        waiter = self._waiter = self._events.create_future()
        self._wanted, self._taken = n, 0
        self.resume()
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
        chunk: bytes | None = self._pipe.read(min(n, _MOST))
        if chunk == b"":
            self.close()
        return chunk

    def _enlarge(self) -> None:
        """Let more come at a time, as the command writes faster than pieces are taken."""
        if self._large or self._pipe.closed:
            return
        self._large = True
        with contextlib.suppress(PermissionError):  # together this user's pipes are large enough
            fcntl.fcntl(self._fd, fcntl.F_SETPIPE_SZ, _LARGE_PIPE)

    def pause(self) -> None:
        """Stop reading: the command waits when its pipe is full."""
        if self._watched:
            self._watched = False
            self._events.remove_reader(self._fd)

    def resume(self) -> None:
        """Read on."""
        if not (self._watched or self._pipe.closed):
            self._watched = True
            self._events.add_reader(self._fd, self._on_readable)

    def _unwatch_for_now(self) -> None:
        if self._watched:
            self.pause()
            self._events.call_soon(self._watch_again)

    def _watch_again(self) -> None:
        if not self._paused:
            self.resume()

    def close(self) -> None:
        """Let go of the pipe; what was buffered can still be read."""
        if self._pipe.closed:
            return
        if not self._events.is_closed():
            self.pause()
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
