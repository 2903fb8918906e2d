"""Listening sockets inside the machine, answered from outside."""

from __future__ import annotations

import asyncio
import socket
from collections import OrderedDict
from collections.abc import Callable
from typing import Literal, Protocol

BACK_OFF_SECONDS = 0.1
_BATCH = 64

Enter = Callable[[str, int, socket.socket], None]


class Listeners(Protocol):
    """Opens sockets inside a machine's network namespace."""

    async def listen(self, address: str, port: int, kind: Literal["tcp", "udp"]) -> socket.socket:
        """Open a socket inside the machine.

        Args:
            address: A literal address, IPv4 or IPv6.
            port: A port.
            kind: A TCP socket is listening already; both are bound and non-blocking.

        Returns:
            The socket; the caller closes it.

        Raises:
            OSError: It cannot be opened; `errno` is that of the machine's kernel.
            MachineError: The machine has ended.
        """


class Door:
    """One listening socket, and the accepting of what knocks there.

    Args:
        sock: A listening, non-blocking socket, closed by `close`.
        enter: Takes each accepted, non-blocking socket.
    """

    def __init__(self, sock: socket.socket, enter: Callable[[socket.socket], None]) -> None:
        self._sock = sock
        self._enter = enter
        self._loop = asyncio.get_running_loop()
        self._pause: asyncio.TimerHandle | None = None
        self._loop.add_reader(sock, self._accept)

    def close(self) -> None:
        """Stop listening; what was accepted goes on."""
        if self._pause is not None:
            self._pause.cancel()
        self._loop.remove_reader(self._sock)
        self._sock.close()

    def _accept(self) -> None:
        for _ in range(_BATCH):
            try:
                client, _peer = self._sock.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError:
                # Out of descriptors, mostly. The connection goes on waiting, so the
                # socket stays readable: looking again at once would spin.
                self._loop.remove_reader(self._sock)
                self._pause = self._loop.call_later(BACK_OFF_SECONDS, self._resume)
                return
            client.setblocking(False)
            self._enter(client)

    def _resume(self) -> None:
        self._pause = None
        self._loop.add_reader(self._sock, self._accept)


class Doors:
    """The doors of all hosts, one for each address and port that may be reached.

    They stand on single addresses, so a server inside the machine that wants
    the same port on every address (`0.0.0.0:8080`) finds it taken, and takes it
    from hosts that come later. A redirect in the machine's netfilter could send
    everything to one port instead: then only this class changes.

    Args:
        listeners: Opens the sockets.
        enter: Takes the host, the port and the socket of each connection.
        busy: Says whether a host must keep its doors.
        capacity: How many doors may stand at once; beyond that the host whose doors were
            used least recently loses them.
    """

    def __init__(
        self, listeners: Listeners, enter: Enter, busy: Callable[[str], bool], *, capacity: int
    ) -> None:
        self._listeners = listeners
        self._enter = enter
        self._busy = busy
        self._capacity = capacity
        self._hosts: OrderedDict[str, dict[tuple[str, int], Door]] = OrderedDict()
        self._opening = asyncio.Lock()
        self._closed = False

    def __len__(self) -> int:
        return sum(len(doors) for doors in self._hosts.values())

    async def open(self, host: str, address: str, ports: frozenset[int]) -> dict[int, OSError]:
        """See to it that a host has its doors on an address.

        Args:
            host: What the doors lead to.
            address: Where in the machine they stand.
            ports: The TCP ports.

        Returns:
            The ports whose doors could not be opened, each with the reason.

        Raises:
            MachineError: The machine has ended.
        """
        failures: dict[int, OSError] = {}
        wanted = {(address, port) for port in ports}
        if not wanted <= self._hosts.get(host, {}).keys():
            async with self._opening:
                failures = await self._open_missing(host, wanted)
        self.touch(host)
        return failures

    def touch(self, host: str) -> None:
        """Remember that a host was used just now."""
        if host in self._hosts:
            self._hosts.move_to_end(host)

    def places(self) -> list[tuple[str, str]]:
        """List the host and the address of each group of doors."""
        return [(h, a) for h, doors in self._hosts.items() for a in {a for a, _ in doors}]

    def keep(self, host: str, ports: frozenset[int]) -> None:
        """Close the doors of a host on all other ports."""
        doors = self._hosts.get(host, {})
        for place in [place for place in doors if place[1] not in ports]:
            doors.pop(place).close()
        if not doors:
            self._hosts.pop(host, None)

    def close(self) -> None:
        """Close all doors, for good."""
        self._closed = True
        for host in list(self._hosts):
            self.keep(host, frozenset())

    async def _open_missing(self, host: str, wanted: set[tuple[str, int]]) -> dict[int, OSError]:
        missing = wanted - self._hosts.get(host, {}).keys()
        self._make_room(host, len(missing))
        failures: dict[int, OSError] = {}
        for address, port in sorted(missing):
            try:
                sock = await self._listeners.listen(address, port, "tcp")
            except OSError as error:
                failures[port] = error
                continue
            if self._closed:
                sock.close()
                break
            door = Door(sock, self._entrance(host, port))
            self._hosts.setdefault(host, {})[address, port] = door
        return failures

    def _make_room(self, host: str, count: int) -> None:
        excess = len(self) + count - self._capacity
        for other in list(self._hosts):
            if excess <= 0:
                return
            if other != host and not self._busy(other):
                excess -= len(self._hosts[other])
                self.keep(other, frozenset())

    def _entrance(self, host: str, port: int) -> Callable[[socket.socket], None]:
        def enter(client: socket.socket) -> None:
            self.touch(host)
            self._enter(host, port, client)

        return enter
