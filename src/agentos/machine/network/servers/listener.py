"""A uvicorn server inside the running event loop that leaves the process alone."""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

# A browser that goes away in the middle is nothing that anybody has to be told of.
_logger = logging.getLogger(__name__)
_logger.addFilter(lambda record: "returned without" not in str(record.msg))
_logger.setLevel(logging.ERROR)


class _Protocol(H11Protocol):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.logger = _logger


class Listener:
    """Serves an ASGI application, WebSockets too, on a free loopback port.

    It installs no signal handlers, sets up no logging and runs no task of its own; closing
    it ends every connection at once, also those in the middle of a response.

    Args:
        app: The application to serve.
    """

    def __init__(self, app: ASGIApp) -> None:
        config = uvicorn.Config(
            app,
            http=_Protocol,
            ws="websockets-sansio",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
        )
        config.load()
        self._server = uvicorn.Server(config)
        self._server.lifespan = config.lifespan_class(config)

    async def start(self) -> int:
        """Begin to listen.

        Returns:
            The port on 127.0.0.1.
        """
        endpoint = socket.create_server(("127.0.0.1", 0))
        try:
            await self._server.startup(sockets=[endpoint])
        except BaseException:
            endpoint.close()
            raise
        port: int = endpoint.getsockname()[1]
        return port

    async def close(self) -> None:
        """Stop listening, end all connections and wait until their requests are over."""
        servers = getattr(self._server, "servers", [])
        for server in servers:
            server.close()
        for connection in list(self._server.server_state.connections):
            # A client that does not read must not hold up the end: drop what is unsent.
            connection.transport.abort()
        if running := set(self._server.server_state.tasks):
            await asyncio.wait(running)
        for server in servers:
            await server.wait_closed()
