"""The machine's ends of a command's pipes, kept on the host: what they carry goes on a stream."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections import deque
from collections.abc import Callable

from agentos.machine.stream.frames import PIPE_MAX, WINDOW, Frame, FrameKind, StreamBroken

_CHUNK = 32 * 1024
_Send = Callable[[Frame], None]


class Intake:
    """Send what is written into a pipe or terminal, as the guest has room for it.

    Args:
        fd: The end to read, a pipe's, a terminal's or `/dev/null`; not closed here.
        id: The command.
        stream: Which of its streams this is.
        send: Sends a frame.
        on_end: Called once nothing more is sent.
    """

    def __init__(
        self, fd: int, id: int, stream: int, send: _Send, on_end: Callable[[], None]
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._fd, self._id, self._stream = fd, id, stream
        self._send, self._on_end = send, on_end
        self._credit = WINDOW
        self._waiting = False
        self._open = True
        self._read()

    def _read(self) -> None:
        while self._open and self._credit:
            try:
                data = os.read(self._fd, min(self._credit, _CHUNK))
            except BlockingIOError:
                return self._wait(True)
            except OSError:  # how Linux says that nobody has the terminal open
                data = b""
            if not data:
                self._send(Frame(FrameKind.END, self._id, self._stream))
                return self.close()
            self._credit -= len(data)
            self._send(Frame(FrameKind.DATA, self._id, self._stream, data=data))
        return self._wait(False)

    def _wait(self, waiting: bool) -> None:
        if waiting and not self._waiting:
            self._loop.add_reader(self._fd, self._read)
        elif self._waiting and not waiting:
            self._loop.remove_reader(self._fd)
        self._waiting = waiting

    @property
    def open(self) -> bool:
        """Whether more may be sent."""
        return self._open

    def allow(self, credit: int) -> None:
        """Take note that the guest has more room."""
        self._credit += credit
        if self._credit > WINDOW:
            raise StreamBroken("credit for more than was sent")
        if not self._waiting:
            self._read()

    def close(self) -> None:
        """Send no more."""
        if self._open:
            self._open = False
            self._wait(False)
            self._on_end()


class Outlet:
    """Write what the guest sends into a pipe or terminal, as it takes it.

    Args:
        fd: The end to write, a pipe's, a terminal's or `/dev/null`; not closed here.
        id: The command.
        stream: Which of its streams this is.
        send: Sends a frame.
        on_end: Called once nothing more is written.
    """

    def __init__(
        self, fd: int, id: int, stream: int, send: _Send, on_end: Callable[[], None]
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._fd, self._id, self._stream = fd, id, stream
        self._send, self._on_end = send, on_end
        self._chunks: deque[memoryview] = deque()
        self._size = 0
        self._waiting = False
        self._ended = False
        self._open = True
        #: Called when nothing waits any more.
        self.on_idle: Callable[[], None] | None = None

    def take(self, data: bytes) -> None:
        """Take what the guest sent."""
        self._size += len(data)
        if self._size > WINDOW + PIPE_MAX:
            raise StreamBroken("data beyond its credit")
        self._chunks.append(memoryview(data))
        if not self._waiting:
            self._write()

    def end(self) -> None:
        """Close once all is written: the guest sends no more."""
        self._ended = True
        if self.idle:
            self.close()

    @property
    def idle(self) -> bool:
        """Whether nothing waits to be written."""
        return not self._size

    def hurry(self) -> None:
        """Make room in the pipe for what waits, so that it need not wait for the reader.

        In vain where the user's pipes hold all that they may: then it waits.
        """
        if self.idle or not self._open:
            return
        try:
            room = fcntl.fcntl(self._fd, fcntl.F_GETPIPE_SZ)
            fcntl.fcntl(self._fd, fcntl.F_SETPIPE_SZ, min(room + self._size, PIPE_MAX))
        except PermissionError:
            return
        self._write()

    def _write(self) -> None:
        written = 0
        try:
            while self._chunks:
                count = os.write(self._fd, self._chunks[0])
                written += count
                if count == len(self._chunks[0]):
                    self._chunks.popleft()
                else:
                    self._chunks[0] = self._chunks[0][count:]
        except BlockingIOError:
            self._wait(True)
        except OSError:  # the reader has gone
            self._send(Frame(FrameKind.GONE, self._id, self._stream))
            return self.close()
        else:
            self._wait(False)
        self._size -= written
        if written:
            self._send(Frame(FrameKind.CREDIT, self._id, self._stream, written))
        if self.idle:
            if self.on_idle:
                self.on_idle()
            if self._ended:
                self.close()
        return None

    def _wait(self, waiting: bool) -> None:
        if waiting and not self._waiting:
            self._loop.add_writer(self._fd, self._write)
        elif self._waiting and not waiting:
            self._loop.remove_writer(self._fd)
        self._waiting = waiting

    def close(self) -> None:
        """Write no more; what waits is dropped."""
        if not self._open:
            return
        self._open = False
        self._wait(False)
        self._chunks.clear()
        self._size = 0
        if self.on_idle:
            self.on_idle()
        self._on_end()
