"""A uvicorn server inside the running event loop that leaves the process alone."""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

_BACKLOG = 1024
_logger = logging.getLogger(__name__)
# Clients that ask for a WebSocket and responses left without their end are nothing unusual here.
_logger.setLevel(logging.ERROR)
_logger.addFilter(lambda record: "returned without" not in str(record.msg))


class _Protocol(H11Protocol):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.logger = _logger


class Listener:
    """Serves an ASGI application on free loopback ports.

    It installs no signal handlers, sets up no logging and runs no task of its own; closing
    it ends every connection at once, also those in the middle of a response.

    Args:
        app: The application to serve; `scope["server"]` tells it the port.
    """

    def __init__(self, app: ASGIApp) -> None:
        config = uvicorn.Config(
            app,
            http=_Protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=75,
        )
        config.load()
        self._config = config
        self._server = uvicorn.Server(config)
        self._server.lifespan = config.lifespan_class(config)
        self._ports: dict[int, asyncio.Server] = {}

    async def start(self, port: int = 0) -> int:
        """Begin to listen; more than once for several ports.

        Args:
            port: A port; 0 takes any free one.

        Returns:
            The port on 127.0.0.1.

        Raises:
            OSError: The port is taken.
        """
        endpoint = socket.create_server(("127.0.0.1", port), backlog=_BACKLOG)
        try:
            # Connections inherit it: else each answer in two writes waits for an ACK, 40 ms.
            endpoint.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            loop = asyncio.get_running_loop()
            server = await loop.create_server(self._connection, sock=endpoint, backlog=_BACKLOG)
        except BaseException:
            endpoint.close()
            raise
        port = endpoint.getsockname()[1]
        self._ports[port] = server
        return port

    def stop(self, port: int) -> None:
        """Stop to listen on one port and cut its connections."""
        server = self._ports.pop(port, None)
        if server is None:
            return
        server.close()
        self._cut(port)

    async def close(self) -> None:
        """Stop listening, end all connections and wait until their requests are over."""
        for server in self._ports.values():
            server.close()
        self._cut()
        if running := set(self._server.server_state.tasks):
            await asyncio.wait(running)
        for server in self._ports.values():
            await server.wait_closed()
        self._ports.clear()

    def _connection(self) -> asyncio.Protocol:
        return _Protocol(
            config=self._config,
            server_state=self._server.server_state,
            app_state=self._server.lifespan.state,
        )

    def _cut(self, port: int | None = None) -> None:
        for connection in list(self._server.server_state.connections):
            here = getattr(connection, "server", None)
            if port is None or (here and here[1] == port):
                # A client that does not read must not hold up the end: drop what is unsent.
                connection.transport.abort()
