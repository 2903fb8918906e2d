"""The host's ends of a command's pipes, read and written as they become ready."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

from agentos.machine.channel import Closable

_CHUNK = 256 * 1024


class Capture:
    """Collect what comes out of a pipe, up to a limit of bytes.

    At the limit it stops reading, so the writer waits and memory stays bounded.
    """

    def __init__(self, limit: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._read_end, self.write_end = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self._read_end, False)
        self._chunks: list[bytes] = []
        self._size = 0
        self._open = True
        self.limit = limit
        self.on_full: Callable[[], object] = lambda: None

    def started(self) -> None:
        """Begin to read: the machine has its end now, or never will."""
        os.close(self.write_end)
        self._loop.add_reader(self._read_end, self._read)

    @property
    def full(self) -> bool:
        """Whether there was more than the limit."""
        return self._size > self.limit

    def value(self) -> bytes:
        """What was collected."""
        return b"".join(self._chunks)[: self.limit]

    def take(self) -> bytes:
        """Return what was collected, and begin anew."""
        value = self.value()
        self._chunks.clear()
        self._size = 0
        return value

    def drain(self) -> None:
        """Collect what is in the pipe now."""
        while self._open and not self.full and self._read():
            pass

    def _read(self) -> bool:
        try:
            chunk = os.read(self._read_end, _CHUNK)
        except BlockingIOError:
            return False
        if not chunk:
            self.close()
            return False
        self._chunks.append(chunk)
        self._size += len(chunk)
        if self.full:
            self._loop.remove_reader(self._read_end)
            self.on_full()
        return True

    def close(self) -> None:
        """Let go of the pipe, whoever may write to it still."""
        if self._open:
            self._open = False
            self._loop.remove_reader(self._read_end)
            os.close(self._read_end)

    def close_or_discard(self, discarded: set[Closable]) -> None:
        """Let go of the pipe.

        A command left in the background may still write to it: what comes is discarded, so
        that it does not die of SIGPIPE, until the last writer has ended.
        """
        if not self._open:
            return
        if self.full:
            self.close()
            return
        self._loop.remove_reader(self._read_end)
        discarded.add(_Discard(self._loop, self._read_end, discarded))
        self._open = False


class _Discard:
    def __init__(self, loop: asyncio.AbstractEventLoop, fd: int, discarded: set[Closable]) -> None:
        self._loop, self._fd, self._discarded = loop, fd, discarded
        loop.add_reader(fd, self._read)

    def _read(self) -> None:
        try:
            if os.read(self._fd, _CHUNK):
                return
        except BlockingIOError:
            return
        self.close()

    def close(self) -> None:
        self._discarded.discard(self)
        self._loop.remove_reader(self._fd)
        os.close(self._fd)


class Feed:
    """Write bytes into a pipe as it takes them, then close it."""

    def __init__(self, fd: int, data: bytes) -> None:
        self._loop = asyncio.get_running_loop()
        self._fd = fd
        self._rest = memoryview(data)
        self._write()
        if self._fd >= 0:
            self._loop.add_writer(self._fd, self._write)

    def _write(self) -> None:
        try:
            while self._rest:
                self._rest = self._rest[os.write(self._fd, self._rest) :]
        except BlockingIOError:
            return
        except BrokenPipeError:
            pass  # the command does not want the rest
        self.close()

    def close(self) -> None:
        """Stop feeding."""
        if self._fd >= 0:
            self._loop.remove_writer(self._fd)
            os.close(self._fd)
            self._fd = -1


class _Nothing:
    def close(self) -> None:
        """There is nothing to stop."""


def feed(data: bytes | None) -> tuple[int, Feed | _Nothing]:
    """Return a descriptor for a command's stdin, and what fills it."""
    if data is None:
        return os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC), _Nothing()
    read_end, write_end = os.pipe2(os.O_CLOEXEC)
    os.set_blocking(write_end, False)
    return read_end, Feed(write_end, data)
