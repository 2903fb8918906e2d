"""A signed address, for a browser on this host, of a server inside the machine.

Each preview has a port of its own on the host's loopback, and so is an origin of its own to a
browser. The address carries a token that is signed and says until when it holds. A browser that
opens it gets the token as a cookie and is sent to the address without it; each request has to
bring the one or the other.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
import time
from datetime import UTC, datetime
from typing import Self
from urllib.parse import parse_qsl, urlencode

from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocketClose

from agentos.machine.network.doors import Inside
from agentos.machine.network.servers.listener import Listener
from agentos.machine.network.servers.passing_on import PassingOn
from agentos.machine.network.tasks import Tasks

#: The name of the token in the address.
PARAMETER = "agentos_preview"
_LONGEST = 366 * 24 * 3600.0


class Preview:
    """An address of a server inside the machine, until it expires or is revoked.

    Use `Preview.open`.

    Attributes:
        port: The port inside.
        url: The address, with its token: whoever has it can use the server.
        expires: When it ends.
    """

    def __init__(self, inside: Inside, port: int, ttl: float) -> None:
        if not 0 < ttl <= _LONGEST:
            raise ValueError(f"a preview lasts more than 0 and at most {_LONGEST:.0f} s, not {ttl}")
        ends = time.time() + ttl
        self.port = port
        self.expires = datetime.fromtimestamp(ends, UTC)
        self.url = ""
        self._ttl = ttl
        self._token = _Token(port, ends)
        self._passing_on = PassingOn(inside, port)
        self._listener = Listener(_Gate(self._token, self._passing_on))
        self._tasks = Tasks()

    @classmethod
    async def open(cls, inside: Inside, port: int, ttl: float) -> Self:
        """Begin to serve a port of the machine.

        Args:
            inside: Opens sockets inside the machine.
            port: The server's TCP port; it need not listen yet.
            ttl: For how many seconds.
        """
        preview = cls(inside, port, ttl)
        local = await preview._listener.start()
        query = urlencode({PARAMETER: preview._token.text})
        preview.url = f"http://127.0.0.1:{local}/?{query}"
        preview._tasks.start(preview._expire())
        return preview

    async def revoke(self) -> None:
        """End it at once, with all its connections. Safe to repeat."""
        await self._tasks.cancel()
        await self._end()

    async def _expire(self) -> None:
        await asyncio.sleep(self._ttl)
        await self._end()

    async def _end(self) -> None:
        self._token.revoked = True
        await self._listener.close()
        await self._passing_on.close()


class _Token:
    """Says which port may be used, and until when."""

    def __init__(self, port: int, ends: float) -> None:
        self.revoked = False
        self._key = secrets.token_bytes(32)
        self._ends = ends
        self.text = self._signed(f"{port}.{int(ends)}.{secrets.token_urlsafe(9)}")

    @property
    def lasts(self) -> int:
        """Seconds that are left."""
        return max(0, int(self._ends - time.time()))

    def accepts(self, text: str) -> bool:
        """Tell whether somebody holds this token, and it holds still."""
        statement = text.rpartition(".")[0]
        valid = hmac.compare_digest(text.encode(), self._signed(statement).encode())
        return valid and not self.revoked and time.time() < self._ends

    def _signed(self, statement: str) -> str:
        return f"{statement}.{hmac.new(self._key, statement.encode(), hashlib.sha256).hexdigest()}"


class _Gate:
    """Let in who holds the token, and keep the token from the server inside."""

    def __init__(self, token: _Token, application: PassingOn) -> None:
        self._token = token
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = HTTPConnection(scope)
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        shown = next((value for name, value in query if name == PARAMETER), "")
        cookie = f"{PARAMETER}_{_local_port(scope)}"
        by_address = self._token.accepts(shown)
        if not (by_address or self._token.accepts(request.cookies.get(cookie, ""))):
            await _refuse(scope, receive, send, "this preview is not yours, or has ended")
        elif not _same_origin(request):
            await _refuse(scope, receive, send, "another site may not use this preview")
        elif by_address and request.headers.get("sec-fetch-mode") == "navigate":
            response = RedirectResponse(_without_token(scope, query), 303)
            response.set_cookie(
                cookie, shown, max_age=self._token.lasts, httponly=True, samesite="lax"
            )
            await response(scope, receive, send)
        else:
            await self._application(_cleaned(scope, query, cookie), receive, send)


def _same_origin(request: HTTPConnection) -> bool:
    """Whether the page that asks is of this preview, as far as the browser says."""
    origin = request.headers.get("origin")
    return origin is None or origin == f"http://{request.headers.get('host', '')}"


def _local_port(scope: Scope) -> int:
    return int(scope["server"][1])


def _without_token(scope: Scope, query: list[tuple[str, str]]) -> str:
    rest = urlencode([(name, value) for name, value in query if name != PARAMETER])
    # One slash: two would make it the address of another host.
    path = "/" + scope["raw_path"].decode("latin-1").lstrip("/")
    return f"{path}?{rest}" if rest else path


def _cleaned(scope: Scope, query: list[tuple[str, str]], cookie: str) -> Scope:
    if any(name == PARAMETER for name, _ in query):
        rest = urlencode([(name, value) for name, value in query if name != PARAMETER])
        scope = {**scope, "query_string": rest.encode()}
    headers = [_without_cookie(name, value, cookie) for name, value in scope["headers"]]
    return {**scope, "headers": [header for header in headers if header is not None]}


def _without_cookie(name: bytes, value: bytes, cookie: str) -> tuple[bytes, bytes] | None:
    if name != b"cookie":
        return name, value
    words = [word.strip() for word in value.decode("latin-1").split(";")]
    kept = "; ".join(word for word in words if not word.startswith(f"{cookie}="))
    return (name, kept.encode("latin-1")) if kept else None


async def _refuse(scope: Scope, receive: Receive, send: Send, reason: str) -> None:
    if scope["type"] == "websocket":
        await WebSocketClose(1008, reason)(scope, receive, send)
    else:
        await PlainTextResponse(f"{reason}\n", 403)(scope, receive, send)
