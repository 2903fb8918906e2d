"""One request to the hub over a connection of its own, and the messages of its answer."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass

import h11

from agentos.hub.bridge.events import messages_of

_CHUNK = 65536
_EVENTS = "text/event-stream"


class NotSent(Exception):
    """The hub cannot be reached; it has seen nothing of the request."""


class Broken(Exception):
    """The connection ended before the answer did; nobody knows what was carried out."""


@dataclass(frozen=True)
class Address:
    """Where the hub listens."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None


@dataclass(frozen=True)
class Answer:
    """The head of an answer, and its messages as they come.

    Attributes:
        status: Of HTTP.
        headers: By their names in lower case.
        messages: JSON texts.
    """

    status: int
    headers: Mapping[str, str]
    messages: AsyncGenerator[bytes]


@asynccontextmanager
async def exchange(
    address: Address, headers: Mapping[str, str], body: bytes | None
) -> AsyncGenerator[Answer]:
    """Ask the hub, and hang up afterwards: that cancels what is not answered yet.

    A connection for each request costs little on loopback, and none is ever stale.

    Args:
        address: Where it is.
        headers: Beside those of HTTP itself.
        body: What is posted to `/mcp`; None for a GET.

    Raises:
        NotSent: Nobody listens there.
        Broken: It hung up, here or while the messages are read.
    """
    try:
        reader, writer = await asyncio.open_connection(
            address.host, address.port, ssl=address.tls, limit=_CHUNK
        )
    except OSError as error:
        raise NotSent(str(error)) from error
    try:
        connection = h11.Connection(h11.CLIENT)
        try:
            writer.write(_request(connection, address, headers, body))
            await writer.drain()
            head = await _head(connection, reader)
        except OSError as error:
            raise Broken(str(error)) from error
        said = {name.decode(): value.decode("latin-1") for name, value in head.headers}
        async with aclosing(_body(connection, reader)) as chunks:
            if said.get("content-type", "").startswith(_EVENTS):
                messages = messages_of(chunks)
            else:
                messages = _whole(chunks)
            async with aclosing(messages):
                yield Answer(head.status_code, said, messages)
    finally:
        writer.transport.abort()


def _request(
    connection: h11.Connection, address: Address, headers: Mapping[str, str], body: bytes | None
) -> bytes:
    host = f"[{address.host}]" if ":" in address.host else address.host
    sent = [
        ("host", f"{host}:{address.port}"),
        ("connection", "close"),
        ("accept", _EVENTS if body is None else f"application/json, {_EVENTS}"),
        *headers.items(),
    ]
    if body is not None:
        sent += [("content-type", "application/json"), ("content-length", str(len(body)))]
    method = "GET" if body is None else "POST"
    data = connection.send(h11.Request(method=method, target="/mcp", headers=sent)) or b""
    if body:
        data += connection.send(h11.Data(data=body)) or b""
    return data + (connection.send(h11.EndOfMessage()) or b"")


async def _head(connection: h11.Connection, reader: asyncio.StreamReader) -> h11.Response:
    while True:
        event = await _next(connection, reader)
        if isinstance(event, h11.Response):
            return event
        if not isinstance(event, h11.InformationalResponse):
            raise Broken("the hub hung up")


async def _body(connection: h11.Connection, reader: asyncio.StreamReader) -> AsyncGenerator[bytes]:
    while True:
        event = await _next(connection, reader)
        if isinstance(event, h11.EndOfMessage):
            return
        if not isinstance(event, h11.Data):
            raise Broken("the hub hung up in the middle of its answer")
        yield bytes(event.data)


async def _next(connection: h11.Connection, reader: asyncio.StreamReader) -> object:
    try:
        while (event := connection.next_event()) is h11.NEED_DATA:
            connection.receive_data(await reader.read(_CHUNK))
    except (OSError, h11.RemoteProtocolError) as error:
        raise Broken(str(error)) from error
    return event


async def _whole(chunks: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    whole = b"".join([chunk async for chunk in chunks])
    if whole:
        yield whole
