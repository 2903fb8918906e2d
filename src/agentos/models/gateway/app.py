"""The gateway as an ASGI application: who calls, for what, and the answer as it comes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping

from starlette.types import Receive, Scope, Send

from agentos.errors import AgentOsError
from agentos.models.encodings import READABLE
from agentos.models.gateway.admission import Gatekeeper
from agentos.models.gateway.attempts import Attempt, ask
from agentos.models.gateway.body import Body, ClientGone, Room, parse, with_model
from agentos.models.gateway.call import Call
from agentos.models.gateway.errors import Refused
from agentos.models.gateway.keys import KeyRefused, SessionKeys
from agentos.models.gateway.relay import relay, unless_gone
from agentos.models.gateway.upstreams import Upstreams
from agentos.models.metering import CallSink
from agentos.models.providers import REHEARSAL
from agentos.models.routes import Routes
from agentos.models.upstream import (
    Between,
    UpstreamFailed,
    UpstreamRequest,
    UpstreamResponse,
    Wire,
)
from agentos.usage.prices import Prices

_logger = logging.getLogger("agentos.models.gateway")
_BASE = "/v1/"
_REFUSALS_KNOWN = 1000
_GONE = "the client went away"
#: Of the client's headers, these end here: they are about the hop, or are credentials.
_NOT_FORWARDED = frozenset(
    (
        *("host", "connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"),
        *("expect", "content-length", "content-encoding", "accept-encoding", "cookie"),
        *("authorization", "x-api-key", "api-key", "proxy-authorization", "proxy-connection"),
        *("openai-organization", "openai-project"),
        *("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"),
    )
)
#: Nothing else of a provider is within an agent's reach: its key opens more than models.
_SERVED = {wire.value: wire for wire in Wire} | {
    "responses/compact": Wire.RESPONSES,
    "responses/input_tokens": Wire.RESPONSES,
    "messages/count_tokens": Wire.MESSAGES,
}
_FREE = frozenset(("models", "responses/input_tokens", "messages/count_tokens"))


class GatewayApp:
    """Answer model calls of sessions.

    Args:
        keys: Knows who may call.
        routes: Knows where a model is.
        upstreams: Knows who answers.
        gatekeeper: Knows what may be spent.
        prices: Knows what it costs.
        machine_of: Tells the machine by the port that it calls on.
        sink: Given each call once it is over.
        between: Tells what stands between a key's calls and the providers, if anything does.
    """

    def __init__(
        self,
        *,
        keys: SessionKeys,
        routes: Routes,
        upstreams: Upstreams,
        gatekeeper: Gatekeeper,
        prices: Prices,
        machine_of: Callable[[int], str],
        sink: CallSink,
        between: Callable[[str], Between | None],
    ) -> None:
        self._keys = keys
        self._routes = routes
        self._upstreams = upstreams
        self._gatekeeper = gatekeeper
        self._prices = prices
        self._machine_of = machine_of
        self._sink = sink
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
        wire = _SERVED.get(path)
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
            complete = await unless_gone(receive, self._forward(call, body, send))
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
            return await relay(call, response, send)
        finally:
            await response.close()

    async def _ask(self, call: Call, body: bytes) -> UpstreamResponse:
        assert call.key is not None
        try:
            attempts = self._attempts(call, body)
            if call.path not in _FREE:
                call.admission = await self._gatekeeper.admit(call.key, call.size, attempts)
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
        if parsed.get("background"):
            told = "background calls are not served: nobody would see what they use"
            raise Refused(400, "background_not_served", told)
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


def _forwarded(headers: Mapping[str, str]) -> dict[str, str]:
    forwarded = {name: value for name, value in headers.items() if name not in _NOT_FORWARDED}
    accepted = headers.get("accept-encoding", "")
    readable = [name for name in READABLE if name in accepted]
    # What we cannot read we could not meter.
    forwarded["accept-encoding"] = ", ".join(readable) or "identity"
    return forwarded


async def _reply(
    send: Send, status: int, body: bytes, headers: Iterable[tuple[str, str]] = ()
) -> None:
    sent = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    sent += [(name.encode(), value.encode()) for name, value in headers]
    await send({"type": "http.response.start", "status": status, "headers": sent})
    await send({"type": "http.response.body", "body": body})
