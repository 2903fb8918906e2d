"""A descriptor in the hands of the event loop."""

from __future__ import annotations

import asyncio
import os

from agentos.machine.channel import resolve


class Descriptor:
    """A non-blocking descriptor that can be waited for; `fd` is -1 once it is closed.

    At most one task waits to read and one to write.
    """

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._loop = asyncio.get_running_loop()
        self._waiting: set[asyncio.Future[None]] = set()

    async def ready(self, *, writing: bool = False) -> None:
        """Wait until it can be written, or read, or is woken or closed."""
        loop = self._loop
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

    def wake(self) -> None:
        """Let whoever waits go on."""
        for ready in self._waiting:
            resolve(ready)

    def close(self) -> None:
        """Let it go; whoever waits goes on."""
        if self.fd < 0:
            return
        fd, self.fd = self.fd, -1
        if not self._loop.is_closed():
            self._loop.remove_reader(fd)
            self._loop.remove_writer(fd)
            self.wake()
        os.close(fd)
