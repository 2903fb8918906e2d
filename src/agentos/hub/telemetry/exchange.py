"""One request and its answer: its id, its size, and the route that served it."""

from __future__ import annotations

import re
import secrets
from contextvars import ContextVar
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER = b"x-request-id"
_GIVEN = re.compile(rb"[A-Za-z0-9._-]{8,64}")


@dataclass(slots=True)
class Exchange:
    """A request under way.

    Attributes:
        id: What all of its events share; the client's own, if it sent a good one.
        scope: As ASGI has it; it names the route once one is found.
        bytes_in, bytes_out: Sizes of the bodies so far.
    """

    id: str
    scope: Scope
    bytes_in: int = 0
    bytes_out: int = 0


_current: ContextVar[Exchange | None] = ContextVar("exchange", default=None)


def current_exchange() -> Exchange | None:
    """Return the request that this code serves, None outside of any."""
    return _current.get()


class Exchanges:
    """An ASGI application around another one: it knows of each request while that runs."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = Exchange(_id_of(scope), scope)
        named = (HEADER, exchange.id.encode())

        async def received() -> Message:
            message = await receive()
            exchange.bytes_in += len(message.get("body", b""))
            return message

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), named]}
            else:
                exchange.bytes_out += len(message.get("body", b""))
            await send(message)

        token = _current.set(exchange)
        try:
            await self._app(scope, received, sent)
        finally:
            _current.reset(token)


def _id_of(scope: Scope) -> str:
    given = next((value for name, value in scope["headers"] if name == HEADER), b"")
    return given.decode() if _GIVEN.fullmatch(given) else secrets.token_hex(8)
