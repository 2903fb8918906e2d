"""HTTP to a server inside the machine: httpx2 over sockets of the machine."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable
from typing import Any

import httpcore2
import httpx2

from agentos.machine.network.doors import Inside
from agentos.machine.network.servers.dial import connect

_MOST_CONNECTIONS = 100


class MachineTransport(httpx2.AsyncHTTPTransport):
    """Carry every request to one port inside a machine, whatever host its URL names.

    Args:
        inside: Opens the sockets.
        port: The server's TCP port.
    """

    def __init__(self, inside: Inside, port: int) -> None:
        # Without the base class's own: its pool would connect from the host, and it loads
        # certificates that nobody needs.
        self._pool = httpcore2.AsyncConnectionPool(
            network_backend=_Backend(inside, port),
            max_connections=_MOST_CONNECTIONS,
            keepalive_expiry=5.0,
        )


class _Backend(httpcore2.AsyncNetworkBackend):
    def __init__(self, inside: Inside, port: int) -> None:
        self._inside = inside
        self._port = port

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        try:
            async with asyncio.timeout(timeout):
                return _Stream(await connect(self._inside, self._port))
        except TimeoutError as error:
            raise httpcore2.ConnectTimeout(str(error)) from error
        except OSError as error:
            raise httpcore2.ConnectError(error.strerror or str(error)) from error

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class _Stream(httpcore2.AsyncNetworkStream):
    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._loop = asyncio.get_running_loop()

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        try:
            async with asyncio.timeout(timeout):
                return await self._loop.sock_recv(self._sock, max_bytes)
        except TimeoutError as error:
            raise httpcore2.ReadTimeout(str(error)) from error
        except OSError as error:
            raise httpcore2.ReadError(error.strerror or str(error)) from error

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        try:
            async with asyncio.timeout(timeout):
                await self._loop.sock_sendall(self._sock, buffer)
        except TimeoutError as error:
            raise httpcore2.WriteTimeout(str(error)) from error
        except OSError as error:
            raise httpcore2.WriteError(error.strerror or str(error)) from error

    async def aclose(self) -> None:
        self._sock.close()

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable":
            return _is_readable(self._sock)
        return self._sock if info == "socket" else None


def _is_readable(sock: socket.socket) -> bool:
    """Whether an idle connection has ended, or has been spoken on out of turn."""
    try:
        sock.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True
