"""Sockets that the host opens inside a machine."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from agentos.machine.isolation.offers import require
from agentos.machine.network.doors import Kind
from agentos.machine.protocol import ListenKind, Op

if TYPE_CHECKING:
    from agentos.machine.machine import AgentOs


class InsideMachine:
    """Open sockets inside a machine, for its gateway and for the verbs that reach its servers."""

    def __init__(self, machine: AgentOs) -> None:
        self._machine = machine

    async def listen(self, address: str, port: int, kind: Kind) -> socket.socket:
        require(self._machine.isolation, "network")
        numbers = (port, ListenKind[kind.upper()], 0, 0)
        reply = await self._machine.channel.call(Op.LISTEN, [address.encode()], numbers)
        return _adopt(reply.fd)

    async def open_socket(self, family: int, type: int, protocol: int = 0) -> socket.socket:
        require(self._machine.isolation, "network")
        numbers = (family, type, protocol, 0)
        reply = await self._machine.channel.call(Op.SOCKET, [], numbers, path="socket")
        return _adopt(reply.fd)


def _adopt(fd: int) -> socket.socket:
    sock = socket.socket(fileno=fd)
    sock.setblocking(False)
    return sock
