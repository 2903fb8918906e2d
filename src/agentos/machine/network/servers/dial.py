"""Connect to a port inside the machine."""

from __future__ import annotations

import asyncio
import errno
import socket

from agentos.machine.network.dial import tune
from agentos.machine.network.doors import Inside

_LOOPBACKS = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))


async def connect(inside: Inside, port: int) -> socket.socket:
    """Connect to a server on the machine's loopback, over IPv4 or else IPv6.

    Args:
        inside: Opens the socket.
        port: Its TCP port.

    Returns:
        A connected, non-blocking socket; the caller closes it.

    Raises:
        ConnectionRefusedError: Nothing listens there.
        MachineError: The machine has ended.
        ValueError: There is no such port.
    """
    if not 0 < port < 65536:
        raise ValueError(f"a port is a number from 1 to 65535, not {port}")
    for family, address in _LOOPBACKS:
        try:
            return await _connect(inside, family, address, port)
        except ConnectionRefusedError:
            continue
        except OSError as error:
            # A kernel without IPv6.
            if error.errno not in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.ENETUNREACH):
                raise
    raise ConnectionRefusedError(
        errno.ECONNREFUSED, f"nothing listens on port {port} inside the machine"
    )


async def _connect(inside: Inside, family: int, address: str, port: int) -> socket.socket:
    sock = await inside.open_socket(family, socket.SOCK_STREAM)
    try:
        tune(sock)
        await asyncio.get_running_loop().sock_connect(sock, (address, port))
    except BaseException:
        sock.close()
        raise
    return sock
