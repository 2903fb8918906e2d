"""The streams of a process as files that block, like those of `subprocess.Popen`."""

from __future__ import annotations

import asyncio
import io
from typing import TYPE_CHECKING

from agentos.blocking.runtime.portal import Portal

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

_BUFFER = 64 * 1024


def readable(portal: Portal, stream: asyncio.StreamReader | None) -> io.BufferedReader | None:
    """Return a file that reads what a process writes; None where that is not piped.

    Closing the file does not close the pipe, which is the process's own: its `close` does.
    """
    return None if stream is None else io.BufferedReader(_Source(portal, stream), _BUFFER)


def writable(portal: Portal, stream: asyncio.StreamWriter | None) -> Sink | None:
    """Return a file that a process reads from; None where that is not piped."""
    return None if stream is None else Sink(portal, stream)


class _Source(io.RawIOBase):
    def __init__(self, portal: Portal, stream: asyncio.StreamReader) -> None:
        self._portal = portal
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        data = self._portal.run(self._stream.read(len(view)))
        view[: len(data)] = data
        return len(data)


class Sink(io.RawIOBase):
    """The stdin of a process: a file without a buffer, so nothing has to be flushed."""

    def __init__(self, portal: Portal, stream: asyncio.StreamWriter) -> None:
        self._portal = portal
        self._stream = stream

    def writable(self) -> bool:
        """It can be written to."""
        return True

    def write(self, data: ReadableBuffer, /) -> int:
        """Write all of it, waiting while the process does not read; return how much it was.

        Raises:
            BrokenPipeError: Nobody can read it any more.
        """
        if self.closed:
            raise ValueError("the stream is closed")
        whole = bytes(data)
        self._portal.run(self._write(whole))
        return len(whole)

    async def _write(self, data: bytes) -> None:
        self._stream.write(data)
        await self._stream.drain()

    def close(self) -> None:
        """Let the process read its end. Safe to repeat."""
        if not self.closed:
            super().close()
            self._portal.soon(self._stream.close)

    def __del__(self) -> None:
        """Leave the stream open: the process may go on without whoever wrote to it."""
