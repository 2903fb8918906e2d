"""The world outside and a network inside, for tests of the gateway between them."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from agentos.machine.network import Connection, Inside, NetworkGateway, NetworkPolicy, dial
from agentos.machine.network.dns import A, Code, encode_name
from agentos.machine.network.proxy import Proxies
from agentos.machine.network.questions import OnRequest
from agentos.testing.namespace import NetworkNamespace

PUBLIC = "203.0.113.10"
MEGABYTE = 1024 * 1024


class World:
    """The internet as the host sees it: names, and one echo server behind every address."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.names: dict[str, list[str]] = {"api.example.com": [PUBLIC]}
        self.dialled: list[tuple[str, int]] = []

    async def resolve(self, name: str) -> Sequence[str]:
        if name not in self.names:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return self.names[name]

    async def connect(self, address: str, port: int) -> socket.socket:
        self.dialled.append((address, port))
        return await dial.connect("127.0.0.1", self.port)


class WithoutNetfilter(NetworkNamespace):
    """A namespace of a kernel that cannot redirect."""

    async def open_socket(self, family: int, type: int, protocol: int = 0) -> socket.socket:
        if family == socket.AF_NETLINK:
            raise OSError(errno.EPROTONOSUPPORT, os.strerror(errno.EPROTONOSUPPORT))
        return await super().open_socket(family, type, protocol)


@asynccontextmanager
async def gateway_for(
    world: World,
    inside: Inside,
    policy: NetworkPolicy,
    *,
    most_connections: int = 100,
    on_request: OnRequest | None = None,
    proxies: Proxies | None = None,
) -> AsyncIterator[NetworkGateway]:
    gateway = NetworkGateway(
        inside,
        policy,
        resolve=world.resolve,
        connect=world.connect,
        proxies=proxies or Proxies(),
        on_request=on_request,
        most_connections=most_connections,
    )
    try:
        await gateway.ensure_started()
        yield gateway
    finally:
        await gateway.close()


async def say(sock: socket.socket, data: bytes) -> bytes:
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(sock, data)
    return await loop.sock_recv(sock, 65_536)


async def ask(
    inside: NetworkNamespace, name: str, kind: int = A, *, tcp: bool = False
) -> tuple[Code, bytes]:
    """Ask the name server; the code and the record's data."""
    packet = struct.pack("!6H", 7, 0x0100, 1, 0, 0, 0) + encode_name(name)
    packet += struct.pack("!HH", kind, 1)
    sock = await inside.unconnected(kind=socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM)
    with sock:
        await asyncio.get_running_loop().sock_connect(sock, ("198.18.0.1", 53))
        reply = await say(sock, len(packet).to_bytes(2, "big") + packet if tcp else packet)
    if tcp:
        assert len(reply) == int.from_bytes(reply[:2], "big") + 2
        reply = reply[2:]
    assert reply[:2] == packet[:2]
    return Code(reply[3] & 15), reply[len(packet) + 12 :]


async def ended(gateway: NetworkGateway) -> Connection:
    """Wait until the latest connection is over."""
    told = asyncio.Event()
    gateway.on_event = lambda _: told.set()
    async with asyncio.timeout(10):
        while not gateway.log or gateway.log[-1].ended is None:
            told.clear()
            await told.wait()
    return gateway.log[-1]


async def expect_reset(inside: NetworkNamespace, address: str, port: int) -> None:
    """Connect, speak, and see the connection reset: at the latest when waiting for an answer."""

    async def talk() -> None:
        with await inside.connect(address, port) as sock:
            await say(sock, b"x")

    with pytest.raises(ConnectionResetError):
        await talk()


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))
