"""Listeners on the host's loopback instead of inside a machine, for tests without namespaces."""

from __future__ import annotations

import errno
import os
import socket

from agentos.machine.network.doors import Kind


class LoopbackListeners:
    """Open each listener on a free loopback port, and remember where it really is.

    It stands in for a machine wherever a `NetworkGateway` is tested without one.

    Example:
        `gateway = NetworkGateway(listeners, policy)`, then connect to
        `listeners.place("198.18.0.1", 53, "udp")`.

    Attributes:
        failures: An errno for each `(address, port, kind)` that shall not open.
    """

    def __init__(self) -> None:
        self.failures: dict[tuple[str, int, str], int] = {}
        self._places: dict[tuple[str, int, str], tuple[str, int]] = {}

    async def open_socket(self, family: int, type: int, protocol: int = 0) -> socket.socket:
        """Refuse: the host's own packet filter is no stand-in for a machine's.

        Raises:
            OSError: Always.
        """
        raise OSError(errno.EPROTONOSUPPORT, os.strerror(errno.EPROTONOSUPPORT))

    async def listen(self, address: str, port: int, kind: Kind) -> socket.socket:
        """Open a socket that stands for one inside a machine.

        Args:
            address: The address inside.
            port: The port inside.
            kind: TCP or UDP.

        Returns:
            The socket, bound, listening if it is TCP, non-blocking.

        Raises:
            OSError: `failures` says so.
        """
        number = self.failures.get((address, port, kind))
        if number is not None:
            raise OSError(number, os.strerror(number))
        sock = socket.socket(type=socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM)
        sock.setblocking(False)
        sock.bind(("127.0.0.1", 0))
        if kind == "tcp":
            sock.listen(128)
        self._places[address, port, kind] = sock.getsockname()
        return sock

    def place(self, address: str, port: int, kind: Kind = "tcp") -> tuple[str, int]:
        """Find where a listener really is.

        Args:
            address: The address inside.
            port: The port inside.
            kind: TCP or UDP.

        Returns:
            Host and port on loopback.

        Raises:
            ConnectionRefusedError: Nothing listens there.
        """
        try:
            return self._places[address, port, kind]
        except KeyError:
            raise ConnectionRefusedError(
                errno.ECONNREFUSED, f"no listener on {address} {port}/{kind}"
            ) from None
