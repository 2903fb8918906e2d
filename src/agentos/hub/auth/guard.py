"""What stands before every route: name, page, token, rate and body of each request."""

from __future__ import annotations

import math
import time
from datetime import UTC, datetime

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agentos.hub.auth.body import check_body, check_length, read_bounded
from agentos.hub.auth.browser import SIGN_IN, browser_token
from agentos.hub.auth.origins import Origins
from agentos.hub.auth.rates import Rates
from agentos.hub.errors import Refused, error_bytes
from agentos.hub.hub import Hub
from agentos.hub.records import RequestRecord
from agentos.hub.scopes import Principal

#: How often an address may fail in a minute until it is told to wait.
FAILURES_PER_MINUTE = 30
_OPEN = frozenset(("/healthz",))
_WELL_KNOWN = "/.well-known/"
_CLIENT_GONE = 499
#: A request that says one of these twice means to be read differently by two readers.
_ONCE = frozenset(
    (
        *(b"host", b"origin", b"authorization", b"content-type", b"content-length"),
        *(b"sec-fetch-site", b"transfer-encoding", b"cookie", b"x-agentos-page"),
    )
)
_log = structlog.get_logger("agentos.hub")


class Guard:
    """An ASGI application before another one: nothing reaches that unless it may.

    Args:
        app: The application behind.
        hub: Settings and tokens, and whom to tell of each request.
    """

    def __init__(self, app: ASGIApp, hub: Hub) -> None:
        settings = hub.settings
        self._app = app
        self._hub = hub
        self._origins = Origins(settings.host, settings.allowed_hosts, settings.allowed_origins)
        self._asked = Rates(settings.requests_per_minute)
        self._failed = Rates(FAILURES_PER_MINUTE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http":
            await _Passage(self, scope).go(receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": "not served"})
        else:
            await self._app(scope, receive, send)


class _Passage:
    """One request on its way through the guard."""

    def __init__(self, guard: Guard, scope: Scope) -> None:
        self._guard = guard
        self._scope = scope
        self._headers = scope["headers"]
        self._method: str = scope["method"]
        self._path: str = scope["path"]
        self._address = scope["client"][0] if scope.get("client") else ""
        self._principal: Principal | None = None
        self._refusal: str | None = None
        self._status = 0
        self._complete = False
        self._endless = False

    async def go(self, receive: Receive, send: Send) -> None:
        at, start = datetime.now(UTC), time.perf_counter()
        said: dict[bytes, str] = {}
        self._send = send
        failed = True
        try:
            try:
                said = _read(self._headers)
                receive = await self._enter(said, receive)
            except Refused as refused:
                await self._refuse(refused)
            else:
                await self._guard._app(self._scope, receive, self._sent)
            failed = False
        finally:
            status = self._status or (500 if failed else _CLIENT_GONE)
            if not (self._complete or self._endless or failed):
                status = _CLIENT_GONE
            who = self._principal
            await self._guard._hub.recorder.request(
                RequestRecord(
                    at=at,
                    method=self._method,
                    path=self._path,
                    status=status,
                    duration=time.perf_counter() - start,
                    client=said.get(b"user-agent", ""),
                    address=self._address,
                    principal=who.name if who else None,
                    session=who.session if who else None,
                    refusal=self._refusal,
                )
            )

    async def _enter(self, said: dict[bytes, str], receive: Receive) -> Receive:
        """Check everything; return where the application gets the body from."""
        scope, guard = self._scope, self._guard
        server = scope.get("server")
        port = server[1] if server and server[1] else 0
        guard._origins.check(
            scope["scheme"],
            port,
            said.get(b"host"),
            said.get(b"origin"),
            said.get(b"sec-fetch-site"),
        )
        if self._path.startswith(_WELL_KNOWN):
            hint = "show the token as `Authorization: Bearer ...`: the hub has no OAuth"
            raise Refused(404, "not_found", f"there is nothing at {self._path}", hint=hint)
        length, chunked = said.get(b"content-length"), b"transfer-encoding" in said
        is_open = self._path in _OPEN or self._path in guard._hub.open_paths
        if not (is_open and self._method in ("GET", "HEAD")):
            self._principal = self._authenticate(said, port)
            scope.setdefault("state", {})["principal"] = self._principal
            self._hold_rate(self._principal)
            check_body(self._method, said.get(b"content-type"), length, chunked)
        most = guard._hub.settings.max_body_bytes
        check_length(length, most)
        return await read_bounded(receive, most) if chunked else receive

    def _authenticate(self, said: dict[bytes, str], port: int) -> Principal:
        scheme, _, token = said.get(b"authorization", "").partition(" ")
        try:
            if not scheme and (halves := browser_token(said, port)):
                return self._guard._hub.tokens.check(halves)
            if scheme.lower() == "code" and (self._method, self._path) == SIGN_IN:
                return self._guard._hub.codes.redeem(token.strip())
            if scheme.lower() != "bearer" or not token:
                hint = "send the header Authorization: Bearer TOKEN; `agentos token show` tells it"
                raise Refused(401, "token_missing", "this needs a token", hint=hint)
            return self._guard._hub.tokens.check(token.strip())
        except Refused as refused:
            if refused.status == 401:
                self._failed_attempt(refused)
            elif not self._guard._failed.take(self._address):
                _log.error("tokens cannot be read", code=refused.code, why=refused.message)
            raise

    def _failed_attempt(self, refused: Refused) -> None:
        # Only those who fail are told to wait: one client with an old token, or one that
        # guesses, must not lock out the others, who come from the same loopback address.
        wait = self._guard._failed.take(self._address)
        if wait:
            raise _too_often("too many attempts failed", wait) from refused
        refused.headers["www-authenticate"] = 'Bearer realm="agentos"'
        _log.warning(
            "attempt refused",
            code=refused.code,
            address=self._address,
            method=self._method,
            path=self._path,
        )

    def _hold_rate(self, principal: Principal) -> None:
        wait = self._guard._asked.take(principal.name)
        if wait:
            raise _too_often(f"{principal.name} asks too often", wait)

    async def _refuse(self, refused: Refused) -> None:
        self._refusal = refused.code
        body = error_bytes(refused)
        headers = {
            "content-type": "application/json",
            "content-length": str(len(body)),
            "cache-control": "no-store",
            "x-content-type-options": "nosniff",
            **refused.headers,
        }
        if self._method not in ("GET", "HEAD"):
            headers["connection"] = "close"  # its body is not read
        sent = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        await self._sent({"type": "http.response.start", "status": refused.status, "headers": sent})
        await self._sent({"type": "http.response.body", "body": body})

    async def _sent(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            self._endless = _is_stream(message)
            if self._guard._hub.draining:
                # The connection's next request shall go to the hub that follows this one.
                message = {**message, "headers": [*message["headers"], (b"connection", b"close")]}
        elif message["type"] == "http.response.body" and not message.get("more_body"):
            self._complete = True
        await self._send(message)


def _read(headers: list[tuple[bytes, bytes]]) -> dict[bytes, str]:
    said: dict[bytes, str] = {}
    for name, value in headers:
        if name in said and name in _ONCE:
            raise Refused(400, "header_twice", f"the header {name.decode('latin-1')} comes twice")
        said[name] = value.decode("latin-1")
    return said


def _is_stream(start: Message) -> bool:
    """Whether an answer ends when its client leaves, as server-sent events do."""
    return any(
        name.lower() == b"content-type" and value.startswith(b"text/event-stream")
        for name, value in start.get("headers", ())
    )


def _too_often(what: str, wait: float) -> Refused:
    seconds = max(1, math.ceil(wait))
    return Refused(
        429,
        "too_many_requests",
        what,
        hint=f"wait {seconds} s",
        headers={"retry-after": str(seconds)},
    )
