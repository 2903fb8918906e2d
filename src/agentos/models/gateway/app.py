"""The gateway as an ASGI application: who calls, for what, and the answer as it comes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import TypeVar

from starlette.types import Receive, Scope, Send

from agentos.errors import AgentOsError, BudgetExceeded
from agentos.models.budgets import Budgets, Most, RateExceeded
from agentos.models.encodings import READABLE
from agentos.models.gateway.attempts import Attempt, ask
from agentos.models.gateway.body import Body, ClientGone, Room, parse, with_model
from agentos.models.gateway.call import Call
from agentos.models.gateway.errors import Refused
from agentos.models.gateway.keys import KeyRefused, SessionKeys
from agentos.models.gateway.upstreams import Upstreams
from agentos.models.metering import CallSink
from agentos.models.providers import REHEARSAL
from agentos.models.routes import Routes, Target
from agentos.models.upstream import (
    Between,
    UpstreamFailed,
    UpstreamRequest,
    UpstreamResponse,
    Wire,
)
from agentos.models.usage_reader import UsageReader
from agentos.usage.prices import Price, Prices

_logger = logging.getLogger("agentos.models.gateway")
_BASE = "/v1/"
_REFUSALS_KNOWN = 1000
_GONE = "the client went away"
T = TypeVar("T")
#: Of the client's headers, these end here: they are about the hop, or are credentials.
_NOT_FORWARDED = frozenset(
    (
        *("host", "connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"),
        *("expect", "content-length", "content-encoding", "accept-encoding", "cookie"),
        *("authorization", "x-api-key", "api-key", "proxy-authorization", "proxy-connection"),
        *("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"),
    )
)
_NOT_RETURNED = frozenset(("set-cookie", "connection", "upgrade", "alt-svc"))


class GatewayApp:
    """Answer model calls of sessions.

    Args:
        keys: Knows who may call.
        routes: Knows where a model is.
        upstreams: Knows who answers.
        budgets: Knows what may be spent.
        prices: Knows what it costs.
        machine_of: Tells the machine by the port that it calls on.
        sink: Given each call once it is over.
        on_budget: Told of a call that a budget stopped: the key's id, and the error.
        between: Tells what stands between a key's calls and the providers, if anything does.
    """

    def __init__(
        self,
        *,
        keys: SessionKeys,
        routes: Routes,
        upstreams: Upstreams,
        budgets: Budgets,
        prices: Prices,
        machine_of: Callable[[int], str],
        sink: CallSink,
        on_budget: Callable[[str, BudgetExceeded], None],
        between: Callable[[str], Between | None],
    ) -> None:
        self._keys = keys
        self._routes = routes
        self._upstreams = upstreams
        self._budgets = budgets
        self._prices = prices
        self._machine_of = machine_of
        self._sink = sink
        self._on_budget = on_budget
        self._between = between
        self._room = Room()
        self._refusals: dict[tuple[str, str], None] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        call = self._arrived(scope)
        method = scope["method"]
        if method == "HEAD" or (method == "GET" and scope["path"] == "/"):
            await _reply(send, 200, b'{"service":"agentos model gateway"}')
            return
        refused, complete = None, False
        try:
            complete = await self._answer(method, call, receive, send)
        except ClientGone:
            call.error = _GONE
        except Refused as error:
            refused = error
            call.refuse(error)
        finally:
            # Before the agent sees the end: what it asks next finds this call counted.
            self._end(call)
        if refused is not None:
            status = refused.status_for(call.headers)
            await _reply(send, status, refused.body(call.wire), refused.headers.items())
        elif complete:
            await send({"type": "http.response.body", "body": b""})

    def _end(self, call: Call) -> None:
        record = call.end(self._prices)
        # Who shows no key at all is nobody's session, and fills nobody's books.
        if record.key_id:
            self._sink(record)

    def _arrived(self, scope: Scope) -> Call:
        headers = {name.decode("latin-1"): v.decode("latin-1") for name, v in scope["headers"]}
        path = scope["path"]
        path = path[len(_BASE) :] if path.startswith(_BASE) else path
        wire = next((w for w in Wire if path == w or path.startswith(f"{w}/")), None)
        server = scope.get("server")
        machine = self._machine_of(server[1]) if server else ""
        return Call(path, wire, headers, scope["query_string"].decode("latin-1"), machine)

    async def _answer(self, method: str, call: Call, receive: Receive, send: Send) -> bool:
        """Answer all but the end; return whether the answer has come that far."""
        self._authenticate(call)
        if call.wire is None:
            raise Refused(404, "not_found", f"{method} {call.path} is not served here")
        if call.wire is not Wire.MODELS and method == "GET":
            raise Refused(426, "no_websocket", "there is no WebSocket here: send it by POST")
        if method != ("GET" if call.wire is Wire.MODELS else "POST"):
            raise Refused(405, "method_not_allowed", f"{method} is not for {call.path}")
        body = Body(self._room, call.machine)
        try:
            await body.read(receive, call.headers.get("content-encoding"))
            complete = await _unless_gone(receive, self._forward(call, body, send))
        finally:
            body.drop()
        if complete is None:
            call.error = _GONE
        return bool(complete)

    def _authenticate(self, call: Call) -> None:
        scheme, _, shown = call.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not shown.strip():
            shown = call.headers.get("x-api-key", "")
        try:
            key = self._keys.check(shown.strip(), call.machine)
        except KeyRefused as refused:
            call.key_id = refused.known
            self._log_refusal(call.machine, refused)
            raise Refused(401, "invalid_session_key", refused.reason) from refused
        call.key, call.key_id = key, key.id
        if key.binding is None:
            raise Refused(403, "session_not_ready", "the session of this key has not begun yet")

    def _log_refusal(self, machine: str, refused: KeyRefused) -> None:
        """Log it once: a machine that tries without end shall not fill the log."""
        who = machine, refused.known
        if who in self._refusals:
            return
        self._refusals[who] = None
        if len(self._refusals) > _REFUSALS_KNOWN:
            del self._refusals[next(iter(self._refusals))]
        _logger.warning(
            "refused a call from machine %s with key %s: %s",
            machine,
            refused.known or "(unknown)",
            refused.reason,
        )

    async def _forward(self, call: Call, body: Body, send: Send) -> bool:
        response = await self._ask(call, body.data)
        # A long answer shall not hold on to a long question.
        body.drop()
        try:
            return await self._relay(call, response, send)
        finally:
            await response.close()

    async def _ask(self, call: Call, body: bytes) -> UpstreamResponse:
        attempts = self._attempts(call, body)
        await self._admit(call, attempts)
        try:
            return await self._put(call, attempts)
        except UpstreamFailed as failed:
            raise Refused(failed.status, "provider_failed", failed.reason) from failed
        except AgentOsError as error:
            # The host's own setup is wrong: asking again does not help.
            raise Refused(403, error.code, f"AgentOS: {error}") from error

    async def _put(self, call: Call, attempts: list[Attempt]) -> UpstreamResponse:
        assert call.key is not None
        between = self._between(call.key.id)
        if between is None:
            return await ask(attempts, call.try_at)
        places = [attempt.target.provider for attempt in attempts]
        return await between.answer(attempts[0].request, places, lambda: ask(attempts, call.try_at))

    def _attempts(self, call: Call, body: bytes) -> list[Attempt]:
        assert call.wire is not None
        parsed = parse(body) if call.wire is not Wire.MODELS else {}
        call.understand(body, parsed)
        assert call.key is not None
        assert call.key.binding is not None
        home = self._routes.find(call.key.binding.route)
        if call.wire is Wire.MODELS:
            targets = [home]
        else:
            targets = self._routes.targets(call.asked, home, call.attribution.kind)
        call.target = targets[0]
        headers = _forwarded(call.headers)
        attempts = []
        for target in targets:
            upstream = self._upstreams.for_wire(target, call.wire)
            if upstream is None:
                continue
            renamed = target.provider != REHEARSAL and call.wire is not Wire.MODELS
            sent = with_model(body, parsed, target.model) if renamed else body
            said = {**parsed, "model": target.model} if sent is not body else parsed
            request = UpstreamRequest(
                call.wire, call.path, target.model, sent, said, headers, call.query
            )
            attempts.append(Attempt(target, upstream, request, self._upstreams.retries(target)))
        if not attempts:
            told = f"the provider {targets[0].provider} does not speak {call.wire}"
            raise Refused(400, "protocol_not_spoken", told)
        return attempts

    async def _admit(self, call: Call, attempts: list[Attempt]) -> None:
        assert call.key is not None
        payer = call.key.payer
        if call.wire is Wire.MODELS or not self._budgets.of(payer):
            return
        parsed = attempts[0].request.parsed
        wanted = next(
            (
                value
                for name in ("max_output_tokens", "max_completion_tokens", "max_tokens")
                if isinstance(value := parsed.get(name), int)
            ),
            None,
        )
        prices = [self._price(attempt.target) for attempt in attempts]
        mosts = [Most.of(call.size, wanted, price) for price in prices]
        most = max(mosts, key=lambda most: most.money)
        try:
            if self._budgets.counts_money(payer):
                self._require_prices(attempts)
            call.admission = await self._budgets.admit(payer, most)
        except BudgetExceeded as exceeded:
            self._on_budget(call.key.id, exceeded)
            raise Refused(402, exceeded.code, f"AgentOS: {exceeded.message}") from exceeded
        except RateExceeded as exceeded:
            told = f"AgentOS: {exceeded.message}"
            raise Refused(
                429, "rate_exceeded", told, retry_after=exceeded.retry_after
            ) from exceeded

    def _price(self, target: Target) -> Price | None:
        return self._prices.of(target.provider, target.model)

    def _require_prices(self, attempts: list[Attempt]) -> None:
        for attempt in attempts:
            if self._price(attempt.target) is None and not self._upstreams.tells_cost(
                attempt.target
            ):
                raise BudgetExceeded(
                    f"the price of {attempt.target} is not known, so a budget in money cannot hold",
                    code="price_unknown",
                    hint=f'add [prices."{attempt.target}"] to agentos.toml',
                )

    async def _relay(self, call: Call, response: UpstreamResponse, send: Send) -> bool:
        encoding = response.header("content-encoding")
        try:
            call.reader = UsageReader(response.header("content-type") or "", encoding)
        except LookupError:
            call.reader = UsageReader("application/octet-stream")
        call.status = response.status
        headers = [
            (n.encode("latin-1"), v.encode("latin-1"))
            for n, v in response.headers
            if n not in _NOT_RETURNED
        ]
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        try:
            async for chunk in response.body:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
                call.hear(chunk)
        except UpstreamFailed as failed:
            # Without an end of its own, the answer is cut off for the agent too.
            call.error = failed.reason
            return False
        return True


def _forwarded(headers: Mapping[str, str]) -> dict[str, str]:
    forwarded = {name: value for name, value in headers.items() if name not in _NOT_FORWARDED}
    accepted = headers.get("accept-encoding", "")
    readable = [name for name in READABLE if name in accepted]
    # What we cannot read we could not meter.
    forwarded["accept-encoding"] = ", ".join(readable) or "identity"
    return forwarded


async def _unless_gone(receive: Receive, work: Coroutine[object, object, T]) -> T | None:
    """Do work until it is done or the client has gone away; then its result is None."""
    working = asyncio.ensure_future(work)
    watching = asyncio.ensure_future(_gone(receive))
    try:
        await asyncio.wait((working, watching), return_when=asyncio.FIRST_COMPLETED)
    finally:
        done = working.done()
        for task in (working, watching):
            task.cancel()
        await asyncio.wait((working, watching))
    return working.result() if done else None


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _reply(
    send: Send, status: int, body: bytes, headers: Iterable[tuple[str, str]] = ()
) -> None:
    sent = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    sent += [(name.encode(), value.encode()) for name, value in headers]
    await send({"type": "http.response.start", "status": status, "headers": sent})
    await send({"type": "http.response.body", "body": body})
