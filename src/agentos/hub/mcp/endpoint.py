"""`/mcp`: streamable HTTP without state, for every version of the protocol."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from functools import partial

import anyio
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from agentos.hub.holding import held
from agentos.hub.mcp.caller import NEW_SESSION, PRINCIPAL, SESSION_HEADER, Caller
from agentos.hub.mcp.changes import PortfolioChanges
from agentos.hub.mcp.direct import DirectCalls
from agentos.hub.mcp.server import HubServer
from agentos.hub.scopes import Scope as Right

_EVENTS = "text/event-stream"
# It tells of the end of each request, and of each error that the client is told, too.
logging.getLogger("mcp").setLevel(logging.WARNING)
_ALLOW = {"allow": "GET, POST"}
Answer = Callable[[Send], Awaitable[None]]
#: Seconds between two signs of life on a stream without news.
_KEEP_ALIVE = 15.0


class McpEndpoint:
    """An ASGI application; the guard before it has put the token's principal into the scope.

    Answers are plain JSON, which costs the least. Only a call that reports progress is answered
    by a stream of events, and a GET is one: of what changed.

    Args:
        server: What answers.
        changes: What streams tell of.
        hosts, origins: Names by which it may be asked for, as `127.0.0.1:*`.
        most_bytes: The longest request.
    """

    def __init__(
        self,
        server: HubServer,
        changes: PortfolioChanges,
        *,
        hosts: Sequence[str],
        origins: Sequence[str],
        most_bytes: int,
    ) -> None:
        security = TransportSecuritySettings(
            enable_dns_rebinding_protection=True,
            allowed_hosts=list(hosts),
            allowed_origins=list(origins),
        )

        def manager(*, plain: bool) -> StreamableHTTPSessionManager:
            server.streamable_http_app(
                json_response=plain,
                stateless_http=True,
                transport_security=security,
                max_request_body_size=most_bytes,
            )
            return server.session_manager

        self._plain, self._streaming = manager(plain=True), manager(plain=False)
        self._direct = DirectCalls(server, security)
        self._server = server
        self._most_bytes = most_bytes
        self._changes = changes
        self._streams: set[anyio.CancelScope] = set()
        self._ending = False

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Serve for as long as this lasts; calls under way end with it."""
        async with held(self._serving()):
            yield

    @asynccontextmanager
    async def _serving(self) -> AsyncIterator[None]:
        async with self._plain.run(), self._streaming.run():
            yield

    def end_streams(self) -> None:
        """End the streams of changes: their clients come again, to whoever serves then."""
        self._ending = True
        for stream in self._streams:
            stream.cancel()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, for as long as its client waits."""
        headers = Headers(scope=scope)
        body = await _body(receive, self._most_bytes)
        answer = self._answer(scope, headers, body)
        if not _is_stream(scope, body):
            with anyio.CancelScope() as waiting:
                await _until_gone(answer(send), receive, waiting)
        elif self._ending:
            await Response("the hub is about to end", 503)(scope, receive, send)
        else:
            await self._as_stream(answer, receive, send)

    def _answer(self, scope: Scope, headers: Headers, body: bytes | None) -> Answer:
        """Tell what answers a request."""
        if body is None:
            return partial(Response("the request is too long", 413), scope, _never)
        listens = scope["method"] == "GET" and _EVENTS in headers.get("accept", "")
        if listens and scope["state"][PRINCIPAL].allows(Right.PORTFOLIO_READ):
            return partial(self._tell, headers.get(SESSION_HEADER, ""))
        if scope["method"] != "POST":
            return partial(Response(status_code=405, headers=_ALLOW), scope, _never)
        if b'"notifications/cancelled"' in body:
            self._cancel(body, scope)
        if _reports_progress(body, headers):
            return partial(self._by_sdk, self._streaming, scope, body)
        return partial(self._post, scope, body)

    async def _post(self, scope: Scope, body: bytes, send: Send) -> None:
        answer = await self._direct.answer(scope, body)
        if answer is None:
            await self._by_sdk(self._plain, scope, body, send)
        else:
            await answer(scope, _never, send)

    async def _by_sdk(
        self, manager: StreamableHTTPSessionManager, scope: Scope, body: bytes, send: Send
    ) -> None:
        await manager.handle_request(scope, _again(body), _with_session(scope, send))

    def _cancel(self, body: bytes, scope: Scope) -> None:
        """End a call: without state, the SDK knows of no other request than this one."""
        try:
            said = json.loads(body)
            request = said["params"]["requestId"]
        except (ValueError, RecursionError, KeyError, TypeError):
            return  # the SDK tells the client what is wrong with it
        if said.get("method") == "notifications/cancelled":
            self._server.running.cancel(Caller.of(Request(scope), None), request)

    async def _as_stream(self, answer: Answer, receive: Receive, send: Send) -> None:
        begun = False

        async def sent(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        with anyio.CancelScope() as stream:
            self._streams.add(stream)
            try:
                await _until_gone(answer(sent), receive, stream)
            finally:
                self._streams.discard(stream)
        if stream.cancelled_caught and begun:
            await send({"type": "http.response.body", "body": b""})

    async def _tell(self, session: str, send: Send) -> None:
        headers = [(b"content-type", _EVENTS.encode()), (b"cache-control", b"no-cache")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        said = ": listening\n\n"  # now the client knows that it misses nothing from here on
        async with aclosing(self._changes.of(session)) as changes:
            while True:
                await send({"type": "http.response.body", "body": said.encode(), "more_body": True})
                with anyio.move_on_after(_KEEP_ALIVE) as quiet:
                    said = f"event: message\ndata: {await anext(changes)}\n\n"
                if quiet.cancelled_caught:
                    said = ": still here\n\n"


def _is_stream(scope: Scope, body: bytes | None) -> bool:
    return scope["method"] == "GET" or b'"subscriptions/listen"' in (body or b"")


def _reports_progress(body: bytes, headers: Headers) -> bool:
    """Tell whether a call's client wants to hear of its progress, and there will be some."""
    wanted = b'"progressToken"' in body and b'"agentOS_ext_' in body
    return wanted and _EVENTS in headers.get("accept", "")


async def _body(receive: Receive, most: int) -> bytes | None:
    """Read a request's body; None if it is too long."""
    body, more = bytearray(), True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > most:
            return None
    return bytes(body)


def _again(body: bytes) -> Receive:
    """Give a body that was read to whoever reads it next."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return messages.pop() if messages else await _never()

    return receive


async def _never() -> Message:
    return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]


def _with_session(scope: Scope, send: Send) -> Send:
    """Add the session id to the answer to `initialize`."""

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start" and NEW_SESSION in scope["state"]:
            session = scope["state"][NEW_SESSION].encode()
            message["headers"] = [*message["headers"], (SESSION_HEADER.encode(), session)]
        await send(message)

    return sent


async def _until_gone(
    answer: Awaitable[None], receive: Receive, waiting: anyio.CancelScope
) -> None:
    """Answer, and stop when the client hangs up: nobody waits for it any longer."""

    async def watch() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        waiting.cancel()

    watching = asyncio.ensure_future(watch())
    try:
        await answer
    finally:
        watching.cancel()
