"""Where a session's tools answer: only to its token, only while somebody listens."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Awaitable

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agentos.sessions.tools import command_line
from agentos.sessions.tools.calls import ToolCalls
from agentos.sessions.tools.failures import CallFailed

#: Bytes of the longest request.
MOST_REQUEST = 4 * 2**20


class ToolsEndpoint:
    """An ASGI application: `/mcp` for the agent, `/call` for the command line.

    Args:
        calls: The tools.
        mcp: Answers MCP.
        token: What a caller must bear.
    """

    def __init__(self, calls: ToolCalls, mcp: ASGIApp, token: str) -> None:
        self._calls = calls
        self._mcp = mcp
        self._expected = f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        said = Headers(scope=scope).get("authorization", "")
        if not hmac.compare_digest(said.encode("latin-1", "replace"), self._expected):
            await _refuse(401, "this token is not that of the session")(scope, receive, send)
            return
        if scope["path"] not in ("/mcp", "/call") or scope["method"] != "POST":
            await _refuse(405, "POST /mcp or POST /call")(scope, receive, send)
            return
        body = await _body(receive)
        if body is None:
            await _refuse(413, "the request is too long")(scope, receive, send)
            return
        answer = self._mcp if scope["path"] == "/mcp" else self._command_line
        await _while_connected(answer(scope, _again(body), send), receive)

    async def _command_line(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = (await receive())["body"]
        argv = body.decode(errors="replace").split("\0")[:-1]
        try:
            response = PlainTextResponse(f"{await command_line.run(self._calls, argv)}\n")
        except CallFailed as failure:
            response = _refuse(400, str(failure))
        await response(scope, receive, send)


def _refuse(status: int, words: str) -> PlainTextResponse:
    return PlainTextResponse(f"agentos-tools: {words}\n", status_code=status)


async def _body(receive: Receive) -> bytes | None:
    """Read a request's body; None if it is too long."""
    body, more = bytearray(), True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > MOST_REQUEST:
            return None
    return bytes(body)


def _again(body: bytes) -> Receive:
    """Give a body that was read to whoever reads it next."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        if messages:
            return messages.pop()
        return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]

    return receive


async def _while_connected(answering: Awaitable[None], receive: Receive) -> None:
    """Answer, and stop when the client hangs up: nobody waits for the tool any longer."""
    answer = asyncio.ensure_future(answering)
    gone = asyncio.ensure_future(_disconnected(receive))
    try:
        await asyncio.wait({answer, gone}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        answer.cancel()
        gone.cancel()
        await asyncio.wait({answer, gone})
    if not answer.cancelled():
        answer.result()


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
