from __future__ import annotations

import asyncio
import hashlib
import os
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from agentos.machine.network.relay import BUFFER_SIZE, relay, reset

MEGABYTE = 1024 * 1024


@dataclass
class Setup:
    """A relay in the middle; `client` and `server` are the outer ends."""

    client: socket.socket
    server: socket.socket
    task: asyncio.Task[None]
    sent: list[int]
    received: list[int]


@pytest.fixture
async def setup() -> AsyncIterator[Setup]:
    client, near = await tcp_pair()
    far, server = await tcp_pair()
    sent: list[int] = []
    received: list[int] = []
    buffer = memoryview(bytearray(BUFFER_SIZE))
    task = asyncio.create_task(
        relay(near, far, buffer, sent=sent.append, received=received.append, probe=0.01)
    )
    with client, near, far, server:
        yield Setup(client, server, task, sent, received)
        task.cancel()
        await asyncio.wait([task])


async def tcp_pair() -> tuple[socket.socket, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        one = socket.create_connection(listener.getsockname())
        other, _ = listener.accept()
    one.setblocking(False)
    other.setblocking(False)
    return one, other


async def read_all(sock: socket.socket) -> bytes:
    data = bytearray()
    while chunk := await asyncio.get_running_loop().sock_recv(sock, MEGABYTE):
        data += chunk
    return bytes(data)


async def send_all(sock: socket.socket, data: bytes) -> None:
    await asyncio.get_running_loop().sock_sendall(sock, data)
    sock.shutdown(socket.SHUT_WR)


async def test_both_directions_carry_everything_at_once(setup: Setup) -> None:
    there, back = os.urandom(24 * MEGABYTE), os.urandom(16 * MEGABYTE)

    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        group.create_task(send_all(setup.client, there))
        group.create_task(send_all(setup.server, back))
        at_server = group.create_task(read_all(setup.server))
        at_client = group.create_task(read_all(setup.client))

    await setup.task
    assert hashlib.sha256(at_server.result()).digest() == hashlib.sha256(there).digest()
    assert hashlib.sha256(at_client.result()).digest() == hashlib.sha256(back).digest()
    assert (sum(setup.sent), sum(setup.received)) == (len(there), len(back))


async def test_a_side_that_has_ended_its_stream_still_gets_the_answer(setup: Setup) -> None:
    loop = asyncio.get_running_loop()
    await send_all(setup.client, b"question")

    assert await read_all(setup.server) == b"question"
    await loop.sock_sendall(setup.server, b"first ")
    assert await loop.sock_recv(setup.client, 100) == b"first "
    assert not setup.task.done()
    await send_all(setup.server, b"second")
    assert await read_all(setup.client) == b"second"
    await setup.task


async def test_a_reader_that_does_not_read_stops_the_writer(setup: Setup) -> None:
    loop = asyncio.get_running_loop()
    for sock in (setup.client, setup.server):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65_536)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
    data = os.urandom(48 * MEGABYTE)
    sending = asyncio.create_task(send_all(setup.client, data))
    carried = -1
    while carried != sum(setup.sent) or carried == 0:
        carried = sum(setup.sent)
        await asyncio.sleep(0.05)

    # Some is in the kernel's buffers, at most one buffer in ours.
    assert carried < len(data)
    assert not sending.done()
    assert await read_all(setup.server) == data
    await sending
    assert not setup.task.done()
    await loop.sock_sendall(setup.server, b"thanks")
    assert await loop.sock_recv(setup.client, 100) == b"thanks"


async def test_a_reset_of_either_side_ends_the_relay(setup: Setup) -> None:
    reset(setup.server)

    with pytest.raises(ConnectionResetError):
        await setup.task


async def test_a_client_that_vanishes_after_half_closing_is_noticed(setup: Setup) -> None:
    await send_all(setup.client, b"question")
    assert await read_all(setup.server) == b"question"
    reset(setup.client)

    # The server neither sends nor closes: only the probe can tell.
    async with asyncio.timeout(10):
        with pytest.raises(OSError, match=r"reset|pipe"):
            await setup.task


async def test_cancelling_leaves_the_loop_without_interest_in_the_sockets(setup: Setup) -> None:
    await asyncio.sleep(0)
    setup.task.cancel()
    await asyncio.wait([setup.task])

    assert setup.task.cancelled()
    await asyncio.get_running_loop().sock_sendall(setup.client, b"late")
    await asyncio.sleep(0)
    assert setup.sent == []
