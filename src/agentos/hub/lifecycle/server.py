"""uvicorn, as the hub runs it: its socket can be handed over without losing a request."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable, Iterator

import uvicorn
from starlette.types import ASGIApp

from agentos.hub.hub import Hub
from agentos.hub.settings import HubSettings

#: Seconds that requests have to end in when the hub ends.
GRACE = 10
#: The same when another process has taken over, so that nobody waits for the end.
GRACE_WHILE_DRAINING = 120
#: Seconds for which connections without a request are kept, to tell them to move.
_IDLE_WHILE_DRAINING = 5.0
_KEPT_ALIVE = 75


class Server(uvicorn.Server):
    """A server whose end others decide: it takes no signals.

    Args:
        app: What it serves, without its lifespan.
        hub: Told when streams shall end.
        started: Called once requests are answered.
    """

    def __init__(self, app: ASGIApp, hub: Hub, started: Callable[[], None]) -> None:
        super().__init__(_config(app, hub.settings))
        self._hub = hub
        self._started = started
        self._idle_until = 0.0
        self._stopping = False

    def stop(self) -> None:
        """End when the requests that run are over; the second call ends them, too."""
        if self._stopping:
            self.force_exit = True
            self._cut()
        self._stopping = True
        self._hub.closing.set()
        self.should_exit = True

    def drain(self) -> None:
        """Leave new connections to the process that has the socket, too, and end."""
        for server in self.servers:
            for listening in server.sockets:
                # Closing it now would lose what was accepted a moment ago.
                asyncio.get_running_loop().remove_reader(listening.fileno())
        self.config.timeout_graceful_shutdown = GRACE_WHILE_DRAINING
        self._idle_until = time.monotonic() + _IDLE_WHILE_DRAINING
        self._hub.draining = True
        self._hub.closing.set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin, and say so."""
        await super().startup(sockets)
        self._started()

    async def on_tick(self, counter: int) -> bool:
        """Whether it is time to end."""
        if self._hub.draining:
            idle = not self.server_state.connections
            if idle or time.monotonic() >= self._idle_until:
                self.should_exit = True
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End, and leave no task behind."""
        await super().shutdown(sockets)
        self._cut()
        if left := set(self.server_state.tasks):
            await asyncio.wait(left)

    def _cut(self) -> None:
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        for task in self.server_state.tasks:
            task.cancel()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the process."""
        yield


def _config(app: ASGIApp, settings: HubSettings) -> uvicorn.Config:
    key, certificate = settings.tls_key, settings.tls_certificate
    return uvicorn.Config(
        app,
        loop="asyncio",
        lifespan="off",
        ws="none",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        ssl_keyfile=str(key) if key else None,
        ssl_certfile=str(certificate) if certificate else None,
        timeout_keep_alive=_KEPT_ALIVE,
        timeout_graceful_shutdown=GRACE,
    )
