"""An ASGI application that passes everything on to a server inside the machine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterable
from typing import TYPE_CHECKING

import httpx2
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from agentos.errors import MachineError
from agentos.machine.network.doors import Inside
from agentos.machine.network.servers.transport import MachineTransport

#: Headers about one connection, not about what it carries (RFC 9110, 7.6.1).
_HOP_BY_HOP = frozenset(
    b"connection keep-alive proxy-connection te trailer transfer-encoding upgrade".split()
)
_SECONDS_TO_CONNECT = 10.0

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

Header = tuple[bytes, bytes]


class PassingOn:
    """Requests and WebSockets, streamed both ways.

    The server sees its own address as the host, and as the origin of its pages.

    Args:
        inside: Opens sockets inside the machine.
        port: The server's TCP port.
    """

    def __init__(self, inside: Inside, port: int) -> None:
        self._inside = inside
        self._port = port
        self._own = f"localhost:{port}"
        self._transport = MachineTransport(inside, port)

    async def close(self) -> None:
        """Close the connections to the server."""
        await self._transport.aclose()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._websocket(WebSocket(scope, receive, send))
        else:
            await self._request(Request(scope, receive), send)

    async def _request(self, request: Request, send: Send) -> None:
        scope = request.scope
        target = scope["raw_path"] + (b"?" + scope["query_string"]) * bool(scope["query_string"])
        url = httpx2.URL(f"http://{self._own}").copy_with(raw_path=target)
        has_body = {"content-length", "transfer-encoding"} & set(request.headers)
        asked = httpx2.Request(
            request.method,
            url,
            headers=self._inward(scope["headers"]),
            content=_body(request) if has_body else None,
            extensions={"timeout": {"connect": _SECONDS_TO_CONNECT}},
        )
        try:
            answer = await self._transport.handle_async_request(asked)
        except (httpx2.TransportError, MachineError) as error:
            await PlainTextResponse(f"{error}\n", 502)(scope, request.receive, send)
            return
        except ClientDisconnect:
            return
        response = StreamingResponse(_content(answer), answer.status_code)
        response.raw_headers = self._outward(answer.headers.raw)
        try:
            await response(scope, request.receive, send)
        finally:
            await answer.aclose()

    async def _websocket(self, client: WebSocket) -> None:
        from websockets.exceptions import InvalidHandshake

        from agentos.machine.network.servers.websocket import open_websocket

        headers = [
            (name.decode("latin-1"), value.decode("latin-1"))
            for name, value in self._inward(client.scope["headers"])
            if not name.startswith(b"sec-websocket") and name not in (b"host", b"origin")
        ]
        query = client.scope["query_string"].decode("latin-1")
        target = client.scope["raw_path"].decode("latin-1") + (f"?{query}" if query else "")
        try:
            server = await open_websocket(
                self._inside,
                self._port,
                target,
                headers=headers,
                subprotocols=client.scope["subprotocols"],
                origin=f"http://{self._own}" if "origin" in client.headers else None,
                user_agent_header=None,
            )
        except (OSError, InvalidHandshake, MachineError):
            await client.close(1011)
            return
        async with server:
            await client.accept(server.subprotocol)
            await _first_to_end(_to_server(client, server), _to_client(client, server))

    def _inward(self, headers: Iterable[Header]) -> list[Header]:
        own = {b"host": self._own.encode(), b"origin": f"http://{self._own}".encode()}
        return [(name, own.get(name, value)) for name, value in _end_to_end(headers)]

    def _outward(self, headers: Iterable[Header]) -> list[Header]:
        place = f"http://{self._own}".encode()
        return [
            (name, value.removeprefix(place) or b"/" if name == b"location" else value)
            for name, value in ((name.lower(), value) for name, value in _end_to_end(headers))
        ]


def _end_to_end(headers: Iterable[Header]) -> list[Header]:
    headers = list(headers)
    named = {
        word.strip().lower()
        for name, value in headers
        if name.lower() == b"connection"
        for word in value.split(b",")
    }
    dropped = _HOP_BY_HOP | named
    return [(name, value) for name, value in headers if name.lower() not in dropped]


async def _body(request: Request) -> AsyncIterator[bytes]:
    async for chunk in request.stream():
        yield chunk


async def _content(answer: httpx2.Response) -> AsyncIterator[bytes]:
    async for chunk in answer.aiter_raw():
        yield chunk


async def _to_server(client: WebSocket, server: ClientConnection) -> None:
    while True:
        message = await client.receive()
        if message["type"] == "websocket.disconnect":
            await server.close(_sendable(message.get("code", 1005)))
            return
        text = message.get("text")
        await server.send(text if text is not None else message["bytes"])


async def _to_client(client: WebSocket, server: ClientConnection) -> None:
    async for data in server:
        if isinstance(data, str):
            await client.send_text(data)
        else:
            await client.send_bytes(data)
    await client.close(_sendable(server.close_code or 1011))


async def _first_to_end(*ways: Coroutine[object, object, None]) -> None:
    """Run both ways until one has ended, and then neither."""
    from websockets.exceptions import ConnectionClosed

    tasks = [asyncio.ensure_future(way) for way in ways]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            expected = ConnectionClosed, WebSocketDisconnect, asyncio.CancelledError
            if isinstance(outcome, BaseException) and not isinstance(outcome, expected):
                raise outcome


def _sendable(code: int) -> int:
    """1005 and 1006 say that there was no code: they are never sent."""
    return 1000 if code in (1005, 1006) else code
