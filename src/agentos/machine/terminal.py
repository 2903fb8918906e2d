"""A pseudo-terminal with a command in it."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import os
import signal
import socket
import struct
import termios

from agentos.machine.channel import Channel
from agentos.machine.launch import Launch, exit_code_of
from agentos.machine.protocol import Reply, Scope
from agentos.machine.readiness import Descriptor

_CHUNK = 64 * 1024
#: How Linux says that nobody has the terminal open, and that what was typed was not read.
_HUNG_UP = (errno.EIO, errno.ECONNRESET)


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
        self._master = Descriptor(master)
        self._reading, self._writing = asyncio.Lock(), asyncio.Lock()
        self._exit = exit
        self.pid = pid
        channel.discarded.add(self._master)

    @classmethod
    async def open(cls, channel: Channel, launch: Launch) -> Terminal:
        """Start the command of `launch` on a new terminal."""
        exit: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        if channel.shares_host:
            return await cls._open_outside(channel, launch, exit)
        if channel.hands_out:
            reply = await launch.send(channel, [], exit)
            return cls(channel, reply.a, reply.fd, exit)
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with ours, theirs:
            reply = await launch.send(channel, [theirs.fileno()], exit)
            return cls(channel, reply.a, ours.detach(), exit)

    @classmethod
    async def _open_outside(
        cls, channel: Channel, launch: Launch, exit: asyncio.Future[Reply]
    ) -> Terminal:
        """Give it one of the host's, which the machine's processes cannot reach by name."""
        with contextlib.ExitStack() as unless_started, contextlib.ExitStack() as theirs:
            master, slave = os.openpty()
            unless_started.callback(os.close, master)
            theirs.callback(os.close, slave)
            os.set_blocking(master, False)
            fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", *launch.window, 0, 0))
            reply = await launch.send(channel, [slave] * 3, exit)
            unless_started.pop_all()
            return cls(channel, reply.a, master, exit)

    async def read(self, size: int = _CHUNK) -> bytes:
        """Return what the terminal shows next, or `b""` when its last process has ended."""
        async with self._reading:
            while self._master.fd >= 0:
                try:
                    return os.read(self._master.fd, size)
                except BlockingIOError:
                    await self._master.ready()
                except OSError as error:
                    if error.errno in _HUNG_UP:
                        return b""
                    raise
            return b""

    async def write(self, data: bytes) -> None:
        """Type these bytes.

        A program that does not read makes this wait, as does a full screen that nobody reads:
        paste much from one task and read in another. Bytes of several tasks do not mix.

        Raises:
            BrokenPipeError: The terminal is closed.
        """
        rest = memoryview(data)
        async with self._writing:
            while rest:
                try:
                    rest = rest[os.write(self._open_master(), rest) :]
                except BlockingIOError:
                    await self._master.ready(writing=True)

    def resize(self, rows: int, cols: int) -> None:
        """Change its size in characters; the programs on it are told.

        Raises:
            BrokenPipeError: The terminal is closed.
        """
        if not (0 < rows < 2**16 and 0 < cols < 2**16):
            raise ValueError(f"a terminal has 1 to 65535 rows and columns, not {rows} x {cols}")
        master = self._open_master()
        if self._channel.hands_out:
            fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))
        else:
            self._channel.resize_nowait(self.pid, rows, cols)

    def _open_master(self) -> int:
        if self._master.fd < 0:
            raise BrokenPipeError(errno.EPIPE, "the terminal is closed")
        return self._master.fd

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
