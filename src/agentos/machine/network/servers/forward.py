"""A port of the host's loopback that leads to a port inside the machine."""

from __future__ import annotations

import asyncio
import socket
from functools import partial
from typing import Self

from agentos.errors import MachineError
from agentos.machine.network.dial import tune
from agentos.machine.network.doors import Door, Inside
from agentos.machine.network.relay import BUFFER_SIZE, relay, reset
from agentos.machine.network.servers.dial import connect
from agentos.machine.network.tasks import Tasks

_MOST_CONNECTIONS = 1024


class Forward:
    """Lead connections to a local port into the machine, until closed.

    Args:
        inside: Opens sockets inside the machine.
        port: The server's TCP port inside.
        local: A listening, non-blocking socket; closed by `close`.

    Attributes:
        port: The port inside.
        address: Host and port on this side.
    """

    def __init__(self, inside: Inside, port: int, local: socket.socket) -> None:
        self.port = port
        self.address: tuple[str, int] = local.getsockname()[:2]
        self._inside = inside
        self._tasks = Tasks()
        self._buffer = memoryview(bytearray(BUFFER_SIZE))
        self._door = Door(local, self._enter)
        self._closed = False

    @property
    def url(self) -> str:
        """The address as the beginning of an HTTP URL."""
        host, port = self.address
        return f"http://{f'[{host}]' if ':' in host else host}:{port}"

    async def close(self) -> None:
        """Stop listening and cut what is connected. Safe to repeat."""
        if not self._closed:
            self._closed = True
            self._door.close()
        await self._tasks.cancel()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _enter(self, client: socket.socket) -> None:
        if len(self._tasks) >= _MOST_CONNECTIONS:
            reset(client)
            return
        task = self._tasks.start(self._serve(client))
        task.add_done_callback(partial(_leave, client))

    async def _serve(self, client: socket.socket) -> None:
        try:
            tune(client)
            server = await connect(self._inside, self.port)
        except (OSError, MachineError):
            return  # the client sees a reset, as where nothing listens
        try:
            await relay(client, server, self._buffer, sent=_ignore, received=_ignore)
            client.close()
            server.close()
        except OSError:
            return  # one side broke, and the other is told by a reset
        finally:
            if server.fileno() >= 0:
                reset(server)


def _ignore(_count: int) -> None:
    """Nobody counts what is forwarded."""


def _leave(client: socket.socket, _task: asyncio.Task[None]) -> None:
    if client.fileno() >= 0:
        reset(client)


def listen(host: str, port: int) -> socket.socket:
    """Open the local end.

    Raises:
        OSError: It is taken, or not an address of this host.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    local = socket.create_server((host, port), family=family, backlog=1024)
    local.setblocking(False)
    return local
