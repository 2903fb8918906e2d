"""Which TCP ports servers inside the machine listen on, asked of the kernel (`sock_diag`).

Nothing tells when a program begins to listen, so whoever wants to know has to look; a look at
the listening sockets alone takes some ten microseconds, and nobody looks unless asked to.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Literal

from agentos.machine.network.doors import Inside

NETLINK_SOCK_DIAG = 4
#: Seconds between two looks.
INTERVAL = 0.1

_SOCK_DIAG_BY_FAMILY = 20
_REQUEST_DUMP = 0x301
_DONE, _ERROR = 3, 2
_LISTENING = 1 << 10
_HEADER = struct.Struct("=IHHII")
_QUESTION = struct.Struct("=BBBxI48x")
_ENTRY = struct.Struct("=4x2s2x16s")


@dataclass(frozen=True, slots=True)
class PortEvent:
    """A server inside the machine began to listen, or stopped.

    Attributes:
        type: Which of the two.
        port: Its TCP port.
        address: The address inside that it listens on; `0.0.0.0` and `::` are every one.
    """

    type: Literal["port_opened", "port_closed"]
    port: int
    address: str


async def port_events(inside: Inside) -> AsyncIterator[PortEvent]:
    """Tell of each port that is open, and of each that opens or closes from then on.

    Args:
        inside: Opens the socket to ask with.

    Raises:
        OSError: The machine's kernel cannot tell.
        MachineError: The machine has ended.
    """
    known: frozenset[tuple[int, str]] = frozenset()
    while True:
        # A socket for each look: after a fork of the machine its network is another one, and
        # opening it fails when the machine has ended.
        with await inside.open_socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG) as ask:
            now = listening(ask)
        for port, address in sorted(known - now):
            yield PortEvent("port_closed", port, address)
        for port, address in sorted(now - known):
            yield PortEvent("port_opened", port, address)
        known = now
        await asyncio.sleep(INTERVAL)


def listening(sock: socket.socket) -> frozenset[tuple[int, str]]:
    """List port and address of each server that the host could reach.

    Args:
        sock: A non-blocking `NETLINK_SOCK_DIAG` socket of the machine.

    Raises:
        OSError: The kernel cannot tell.
    """
    found: set[tuple[int, str]] = set()
    for family in (socket.AF_INET, socket.AF_INET6):
        body = _QUESTION.pack(family, socket.IPPROTO_TCP, 0, _LISTENING)
        size = _HEADER.size + len(body)
        sock.send(_HEADER.pack(size, _SOCK_DIAG_BY_FAMILY, _REQUEST_DUMP, 0, 0) + body)
        found |= _read_dump(sock, family)
    return frozenset(found)


def _read_dump(sock: socket.socket, family: int) -> set[tuple[int, str]]:
    found: set[tuple[int, str]] = set()
    while True:
        data = sock.recv(65_536)
        while len(data) >= _HEADER.size:
            size, kind, *_ = _HEADER.unpack_from(data)
            if kind == _DONE:
                return found
            if kind == _ERROR:
                number = -struct.unpack_from("=i", data, _HEADER.size)[0]
                raise OSError(number, os.strerror(number))
            port, address = _ENTRY.unpack_from(data, _HEADER.size)
            place = ip_address(address[:4] if family == socket.AF_INET else address)
            # Not the gateway's own, which stand on addresses that no server has.
            if place.is_loopback or place.is_unspecified:
                found.add((int.from_bytes(port, "big"), str(place)))
            data = data[size + 3 & ~3 :]
