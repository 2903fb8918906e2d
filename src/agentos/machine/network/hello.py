"""The first bytes of a connection: a TLS ClientHello says whom the client means to reach.

They are read, compared and passed on as they are; TLS stays between the two ends.
"""

from __future__ import annotations

import asyncio
import socket

from agentos.errors import NetworkDenied

#: Of a ClientHello; post-quantum key shares make it 2 KB.
MOST_BYTES = 16 * 1024
SECONDS = 10.0

_HANDSHAKE, _CLIENT_HELLO, _SERVER_NAME, _HOST_NAME = 0x16, 1, 0, 0
_RECORD_HEADER, _MESSAGE_HEADER = 5, 4


class _Incomplete(Exception):
    """More bytes are needed."""


async def checked_opening(client: socket.socket, upstream: socket.socket, name: str) -> bytes:
    """Read what the client says first, unless upstream speaks before it.

    Args:
        client: A connected, non-blocking socket.
        upstream: Another; nothing is read from it.
        name: The name that the connection is for.

    Returns:
        The bytes that were read, to be sent on; empty if upstream speaks first.

    Raises:
        NetworkDenied: It is a ClientHello for another name, or a broken one.
        OSError: The client broke off.
    """
    if not await _client_speaks(client, upstream):
        return b""
    said = await _receive(client)
    if said[:1] != bytes([_HANDSHAKE]):
        return said
    try:
        async with asyncio.timeout(SECONDS):
            while True:
                try:
                    asked = server_name(said)
                    break
                except _Incomplete:
                    more = await _receive(client)
                    if not more or len(said) + len(more) > MOST_BYTES:
                        raise NetworkDenied("an unfinished TLS ClientHello") from None
                    said += more
    except TimeoutError:
        raise NetworkDenied("an unfinished TLS ClientHello") from None
    if asked is not None and asked != name:
        raise NetworkDenied(f"TLS asks for {asked}, and the connection is for {name}")
    return said


def server_name(data: bytes) -> str | None:
    """Find the server name in a ClientHello.

    Args:
        data: TLS records from the beginning of a connection.

    Returns:
        The name in lower case; None if it has none.

    Raises:
        NetworkDenied: This is no ClientHello.
    """
    body = _Reader(_message(data), complete=True)
    body.take(2 + 32)
    for size in (1, 2, 1):  # session, ciphers, compression
        body.block(size)
    if body.empty:
        return None
    extensions = _Reader(body.block(2), complete=True)
    while not extensions.empty:
        kind = extensions.number(2)
        content = extensions.block(2)
        if kind == _SERVER_NAME:
            return _host_name(content)
    return None


def _host_name(content: bytes) -> str:
    names = _Reader(_Reader(content, complete=True).block(2), complete=True)
    kind, name = names.number(1), names.block(2)
    if kind != _HOST_NAME or not name.isascii():
        raise NetworkDenied("a broken server name in a TLS ClientHello")
    return name.decode("ascii").lower().removesuffix(".")


def _message(data: bytes) -> bytes:
    """The ClientHello, which may be spread over several records."""
    records, message = _Reader(data, complete=False), b""
    while True:
        kind = records.number(1)
        version = records.number(2)
        if kind != _HANDSHAKE or version >> 8 != 3:
            raise NetworkDenied("a broken TLS record")
        message += records.block(2)
        if message[:1] != bytes([_CLIENT_HELLO]):
            raise NetworkDenied("TLS that does not begin with a ClientHello")
        if len(message) >= _MESSAGE_HEADER:
            size = int.from_bytes(message[1:_MESSAGE_HEADER], "big")
            if len(message) >= _MESSAGE_HEADER + size:
                return message[_MESSAGE_HEADER : _MESSAGE_HEADER + size]


class _Reader:
    """Takes fields off the front of some bytes."""

    def __init__(self, data: bytes, *, complete: bool) -> None:
        self._data = data
        self._at = 0
        self._complete = complete

    @property
    def empty(self) -> bool:
        return self._at >= len(self._data)

    def take(self, size: int) -> bytes:
        end = self._at + size
        if end > len(self._data):
            if self._complete:
                raise NetworkDenied("a broken TLS ClientHello")
            raise _Incomplete
        taken = self._data[self._at : end]
        self._at = end
        return taken

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def block(self, size: int) -> bytes:
        return self.take(self.number(size))


async def _client_speaks(client: socket.socket, upstream: socket.socket) -> bool:
    """Wait until one side has something to say, or has ended; tell whether it is the client."""
    loop = asyncio.get_running_loop()
    spoken: asyncio.Future[bool] = loop.create_future()

    def speak(is_client: bool) -> None:
        if not spoken.done():
            spoken.set_result(is_client)

    loop.add_reader(client, speak, True)
    loop.add_reader(upstream, speak, False)
    try:
        return await spoken
    finally:
        loop.remove_reader(client)
        loop.remove_reader(upstream)


async def _receive(client: socket.socket) -> bytes:
    return await asyncio.get_running_loop().sock_recv(client, MOST_BYTES)
