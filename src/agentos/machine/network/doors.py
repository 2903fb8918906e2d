"""Listening sockets inside the machine, answered from outside."""

from __future__ import annotations

import asyncio
import socket
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import ip_address
from typing import Literal, Protocol

from agentos.machine.network.ports import Ports
from agentos.machine.network.ranges import Address
from agentos.machine.network.reach import Reach
from agentos.machine.network.rules import OPEN_PORTS

BACK_OFF_SECONDS = 0.1
_BATCH = 64

Enter = Callable[[str, int, socket.socket], None]
OnRefusal = Callable[[str, int], None]
Kind = Literal["tcp", "udp", "transparent"]


class Inside(Protocol):
    """Opens sockets in a machine's network namespace."""

    async def open_socket(self, family: int, type: int, protocol: int = 0) -> socket.socket:
        """Open a socket that is neither bound nor connected, and non-blocking.

        Raises:
            OSError: It cannot be opened; `errno` is that of the machine's kernel.
            MachineError: The machine has ended.
        """

    async def listen(self, address: str, port: int, kind: Kind) -> socket.socket:
        """Open a bound, non-blocking socket; one of TCP listens already.

        Args:
            address: A literal address, IPv4 or IPv6.
            port: A port.
            kind: A transparent one is for TCP, and also takes what netfilter hands to it.

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

    This is for kernels without the packet filter that `Redirect` needs. The doors stand on
    single addresses, so a server inside the machine that wants the same port on every address
    (`0.0.0.0:8080`) finds it taken, and takes it from hosts that come later. Of a host whose
    every port is allowed, the usual ones have doors.

    Args:
        inside: Opens the sockets.
        reach: Says what may be reached.
        enter: Takes the host, the port and the socket of each connection.
        failed: Hears of the host, the port and the reason where a door cannot be opened.
        busy: Says whether a host must keep its doors.
        capacity: How many doors may stand at once; beyond that the host whose doors were
            used least recently loses them.
    """

    def __init__(
        self,
        inside: Inside,
        reach: Reach,
        enter: Enter,
        failed: Callable[[str, int, OSError], None],
        busy: Callable[[str], bool],
        *,
        capacity: int,
    ) -> None:
        self._inside = inside
        self._reach = reach
        self._enter = enter
        self._failed = failed
        self._busy = busy
        self._capacity = capacity
        self._hosts: OrderedDict[str, dict[tuple[str, int], Door]] = OrderedDict()
        self._opening = asyncio.Lock()
        self._closed = False

    def __len__(self) -> int:
        return sum(len(doors) for doors in self._hosts.values())

    async def open(self, host: str, address: Address, ports: Ports) -> None:
        """See to it that a host has its doors on an address.

        Args:
            host: What the doors lead to.
            address: Where in the machine they stand.
            ports: On which ports.

        Raises:
            OSError: Not one could be opened.
            MachineError: The machine has ended.
        """
        wanted = {(str(address), port) for port in ports.among(OPEN_PORTS)}
        if not wanted <= self._hosts.get(host, {}).keys():
            async with self._opening:
                await self._open_missing(host, wanted)
        self.touch(host)

    async def follow(self) -> None:
        """Bring the doors into line with policy and routes.

        Raises:
            MachineError: The machine has ended.
        """
        for host, address in self._places():
            ports = self._reach.ports_for(host)
            self._keep(host, ports.among(OPEN_PORTS))
            await self._try_to_open(host, address, ports)
        for literal in self._reach.policy.addresses():
            await self._try_to_open(str(literal), literal, self._reach.ports_for(str(literal)))

    async def _try_to_open(self, host: str, address: Address, ports: Ports) -> None:
        try:
            await self.open(host, address, ports)
        except OSError:
            return  # each door's failure has been told

    def touch(self, host: str) -> None:
        """Remember that a host was used just now."""
        if host in self._hosts:
            self._hosts.move_to_end(host)

    def _places(self) -> list[tuple[str, Address]]:
        """The host and the address of each group of doors."""
        groups = self._hosts.items()
        return [(h, ip_address(a)) for h, doors in groups for a in {a for a, _ in doors}]

    def _keep(self, host: str, ports: frozenset[int]) -> None:
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
            self._keep(host, frozenset())

    async def _open_missing(self, host: str, wanted: set[tuple[str, int]]) -> None:
        missing = wanted - self._hosts.get(host, {}).keys()
        self._make_room(host, len(missing))
        failures: list[OSError] = []
        for address, port in sorted(missing):
            try:
                sock = await self._inside.listen(address, port, "tcp")
            except OSError as error:
                failures.append(error)
                self._failed(host, port, error)
                continue
            if self._closed:
                sock.close()
                break
            door = Door(sock, self._entrance(host, port))
            self._hosts.setdefault(host, {})[address, port] = door
        if failures and len(failures) == len(wanted):
            raise failures[0]

    def _make_room(self, host: str, count: int) -> None:
        excess = len(self) + count - self._capacity
        for other in list(self._hosts):
            if excess <= 0:
                return
            if other != host and not self._busy(other):
                excess -= len(self._hosts[other])
                self._keep(other, frozenset())

    def _entrance(self, host: str, port: int) -> Callable[[socket.socket], None]:
        def enter(client: socket.socket) -> None:
            self.touch(host)
            self._enter(host, port, client)

        return enter
