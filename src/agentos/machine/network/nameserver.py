"""The DNS server of a machine, over UDP and TCP."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

from agentos.errors import MachineError
from agentos.machine.network.dns import MalformedQuery, Query, parse_query
from agentos.machine.network.doors import Door
from agentos.machine.network.tasks import Tasks

IDLE_SECONDS = 10.0
_MOST_QUERIES = 256
_MOST_STREAMS = 64

Answer = Callable[[Query], Awaitable[bytes]]


class Nameserver:
    """Answer the queries that arrive at two sockets.

    Args:
        udp: A bound, non-blocking socket.
        tcp: A listening, non-blocking socket.
        answer: Makes the reply to one query.
    """

    def __init__(self, udp: socket.socket, tcp: socket.socket, answer: Answer) -> None:
        self._udp = udp
        self._answer = answer
        self._queries = Tasks()
        self._streams = Tasks()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(udp, self._datagram)
        self._door = Door(tcp, self._stream)

    async def close(self) -> None:
        """Close the sockets and stop answering."""
        self._door.close()
        self._loop.remove_reader(self._udp)
        await self._streams.cancel()
        await self._queries.cancel()
        self._udp.close()

    def _datagram(self) -> None:
        try:
            packet, client = self._udp.recvfrom(65_535)
        except OSError:
            # Nothing there after all, or news of a client that has gone: the next one counts.
            return
        # A resolver asks again when it hears nothing, so the excess may be dropped.
        if len(self._queries) < _MOST_QUERIES:
            self._queries.start(self._answer_datagram(packet, client))

    async def _answer_datagram(self, packet: bytes, client: tuple[str, int]) -> None:
        reply = await self._reply(packet)
        if reply is not None:
            try:
                self._udp.sendto(reply, client)
            except OSError:
                # The client has gone, or its queue is full: UDP may lose a reply.
                return

    def _stream(self, client: socket.socket) -> None:
        if len(self._streams) < _MOST_STREAMS:
            task = self._streams.start(self._answer_stream(client))
            task.add_done_callback(lambda _: client.close())
        else:
            client.close()

    async def _answer_stream(self, client: socket.socket) -> None:
        try:
            while True:
                async with asyncio.timeout(IDLE_SECONDS):
                    size = int.from_bytes(await self._exactly(client, 2))
                    packet = await self._exactly(client, size)
                reply = await self._reply(packet)
                if reply is None:
                    return
                async with asyncio.timeout(IDLE_SECONDS):
                    await self._loop.sock_sendall(client, len(reply).to_bytes(2) + reply)
        except (OSError, EOFError):
            # It left, or said nothing for too long.
            return

    async def _exactly(self, client: socket.socket, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            chunk = await self._loop.sock_recv(client, size - len(data))
            if not chunk:
                raise EOFError
            data += chunk
        return bytes(data)

    async def _reply(self, packet: bytes) -> bytes | None:
        try:
            query = parse_query(packet)
        except MalformedQuery as malformed:
            return malformed.reply
        try:
            return await self._answer(query)
        except MachineError:
            # The machine ended just now: nobody waits for a reply.
            return None
