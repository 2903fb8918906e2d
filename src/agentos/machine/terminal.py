"""A pseudo-terminal with a command in it."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import struct
import termios

from agentos.machine.channel import Channel, resolve
from agentos.machine.process import Launch, exit_code_of
from agentos.machine.protocol import Reply, Scope

_CHUNK = 64 * 1024


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
        self._master = master
        self._exit = exit
        self.pid = pid

    @classmethod
    async def open(cls, channel: Channel, launch: Launch) -> Terminal:
        """Start the command of `launch` on a new terminal."""
        exit: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        reply = await launch.send(channel, [], exit)
        return cls(channel, reply.a, reply.fd, exit)

    async def read(self, size: int = _CHUNK) -> bytes:
        """Return what the terminal shows next, or `b""` when its last process has ended."""
        while self._master >= 0:
            try:
                return os.read(self._master, size)
            except BlockingIOError:
                await self._ready(writing=False)
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
                rest = rest[os.write(self._master, rest) :]
            except BlockingIOError:
                await self._ready(writing=True)

    async def _ready(self, *, writing: bool) -> None:
        loop = asyncio.get_running_loop()
        ready: asyncio.Future[None] = loop.create_future()
        add, remove = (
            (loop.add_writer, loop.remove_writer)
            if writing
            else (loop.add_reader, loop.remove_reader)
        )
        add(self._master, resolve, ready)
        try:
            await ready
        finally:
            if self._master >= 0:
                remove(self._master)

    def resize(self, rows: int, cols: int) -> None:
        """Change its size in characters; the command is told."""
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))

    async def wait(self) -> int:
        """Wait until the command ends and return its exit code."""
        return exit_code_of((await asyncio.shield(self._exit)).a)

    async def close(self) -> None:
        """Kill what runs on it and let it go."""
        if self._master < 0:
            return
        fd, self._master = self._master, -1
        loop = asyncio.get_running_loop()
        loop.remove_reader(fd)
        loop.remove_writer(fd)
        os.close(fd)
        if not self._exit.done() and not self._channel.lost:
            self._channel.signal_nowait(self.pid, 9, Scope.SESSION)
            await asyncio.wait({self._exit})

    async def __aenter__(self) -> Terminal:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
