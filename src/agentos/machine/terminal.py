"""A pseudo-terminal with a command in it."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import signal
import struct
import termios

from agentos.machine.channel import Channel, resolve
from agentos.machine.process import Launch, exit_code_of
from agentos.machine.protocol import Reply, Scope

_CHUNK = 64 * 1024


class _Master:
    """The host's end of a terminal; `fd` is -1 once it is closed."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._waiting: set[asyncio.Future[None]] = set()

    async def ready(self, *, writing: bool) -> None:
        """Wait until it can be written, or read, or is closed."""
        loop = asyncio.get_running_loop()
        ready: asyncio.Future[None] = loop.create_future()
        add, remove = (
            (loop.add_writer, loop.remove_writer)
            if writing
            else (loop.add_reader, loop.remove_reader)
        )
        add(self.fd, resolve, ready)
        self._waiting.add(ready)
        try:
            await ready
        finally:
            self._waiting.discard(ready)
            if self.fd >= 0:
                remove(self.fd)

    def close(self) -> None:
        """Let it go; whoever waits goes on."""
        if self.fd < 0:
            return
        fd, self.fd = self.fd, -1
        loop = asyncio.get_running_loop()
        loop.remove_reader(fd)
        loop.remove_writer(fd)
        os.close(fd)
        for ready in self._waiting:
            resolve(ready)


class Terminal:
    """A command on a terminal of the machine.

    Example:
        ```python
        terminal = await vm.terminal("bash", rows=24, cols=80)
        await terminal.write(b"echo $((6 * 7))\\n")
        print(await terminal.read())
        await terminal.close()
        ```
    """

    def __init__(
        self, channel: Channel, pid: int, master: int, exit: asyncio.Future[Reply]
    ) -> None:
        self._channel = channel
        self._master = _Master(master)
        self._exit = exit
        self.pid = pid
        channel.discarded.add(self._master)

    @classmethod
    async def open(cls, channel: Channel, launch: Launch) -> Terminal:
        """Start the command of `launch` on a new terminal."""
        exit: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        reply = await launch.send(channel, [], exit)
        return cls(channel, reply.a, reply.fd, exit)

    async def read(self, size: int = _CHUNK) -> bytes:
        """Return what the terminal shows next, or `b""` when its last process has ended."""
        while self._master.fd >= 0:
            try:
                return os.read(self._master.fd, size)
            except BlockingIOError:
                await self._master.ready(writing=False)
            except OSError as error:
                if error.errno == errno.EIO:  # how Linux says that nobody has it open any more
                    return b""
                raise
        return b""

    async def write(self, data: bytes) -> None:
        """Type these bytes."""
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[os.write(self._master.fd, rest) :]
            except BlockingIOError:
                await self._master.ready(writing=True)

    def resize(self, rows: int, cols: int) -> None:
        """Change its size in characters; the command is told."""
        fcntl.ioctl(self._master.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))

    async def wait(self) -> int:
        """Wait until the command ends and return its exit code."""
        return exit_code_of((await asyncio.shield(self._exit)).a)

    async def close(self) -> None:
        """Kill what runs on it and let it go."""
        self._channel.discarded.discard(self._master)
        self._master.close()
        if not self._exit.done():
            self._channel.signal_nowait(self.pid, signal.SIGKILL, Scope.SESSION)
            await asyncio.wait({self._exit})

    async def __aenter__(self) -> Terminal:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
