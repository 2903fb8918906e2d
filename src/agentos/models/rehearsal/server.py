"""The rehearsal model: answers the agent's requests with the steps of a scenario."""

from __future__ import annotations

import asyncio
import json
import secrets
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from agentos.models.attribution import Kind
from agentos.models.listener import Listener
from agentos.models.rehearsal.hidden import hidden_answer
from agentos.models.rehearsal.matching import Mismatch, Search, ThreadPlay
from agentos.models.rehearsal.request import ModelRequest, Outcome
from agentos.models.rehearsal.scenario import Scenario, Step
from agentos.models.rehearsal.scenario_file import load_scenario
from agentos.models.rehearsal.stream import EventStream
from agentos.models.rehearsal.tools import search_item, tool_items

MAX_BODY = 64 * 2**20
_ERROR_CODES = {401: "invalid_api_key", 429: "rate_limit_exceeded", 500: "server_error"}


class RehearsalModel:
    """A model provider on a free loopback port that plays a scenario.

    Use it as an asynchronous context manager; it satisfies `ModelProvider`.

    Args:
        scenario: A scenario, the name of a shipped one, or the path of a scenario file.
        pace: Pause between the pieces of a stream, in seconds, for people who watch.

    Attributes:
        scenario: The scenario that is played.
        base_url: Where it answers, once it has been entered.
        api_key: The bearer token it asks for; a new one for each instance.
        requests: Every request that reached it, in order.
        mismatches: The requests that the scenario did not expect, as the client was told.

    Example:
        async with RehearsalModel("fix-failing-test") as model:
            session = await vm.create_session("codex", provider=model)
    """

    def __init__(self, scenario: Scenario | str | Path, *, pace: float = 0.0) -> None:
        self.scenario = scenario if isinstance(scenario, Scenario) else load_scenario(scenario)
        self.api_key = f"rehearsal-{secrets.token_urlsafe(24)}"
        self.requests: list[ModelRequest] = []
        self.mismatches: list[Mismatch] = []
        self._pace = pace
        self._threads: dict[str, ThreadPlay] = {}
        self._arrival = asyncio.Event()
        self._listener: Listener | None = None
        self._port = 0

    @property
    def base_url(self) -> str:
        """Where it answers: `http://127.0.0.1:PORT/v1`."""
        if self._listener is None:
            raise RuntimeError("the rehearsal model is not running: use `async with`")
        return f"http://127.0.0.1:{self._port}/v1"

    @property
    def model(self) -> str:
        """The model that the scenario is written for."""
        return self.scenario.model

    @property
    def turns(self) -> list[ModelRequest]:
        """The requests of the user's turns, without what the agent asks on its own account."""
        return [request for request in self.requests if request.kind is Kind.TURN]

    async def wait_for(self, kind: Kind = Kind.TURN, count: int = 1) -> ModelRequest:
        """Wait until so many requests of a kind have arrived.

        Args:
            kind: What the requests are for.
            count: How many of them.

        Returns:
            The last of them; its answer may still be going on.
        """
        while len(found := [r for r in self.requests if r.kind is kind]) < count:
            self._arrival.clear()
            await self._arrival.wait()
        return found[count - 1]

    async def __aenter__(self) -> Self:
        routes = [
            Route("/v1/responses", self._respond, methods=["POST"]),
            Route("/v1/responses", self._refuse_websocket, methods=["GET"]),
            Route("/v1/models", self._list_models, methods=["GET"]),
        ]
        handlers = {HTTPException: self._refuse_route, ClientDisconnect: _drop}
        listener = Listener(Starlette(routes=routes, exception_handlers=handlers))
        self._port = await listener.start()
        self._listener = listener
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            await listener.close()

    async def _respond(self, request: Request) -> Response | EventStream:
        if not self._knows_key(request):
            return self._refuse(self._record(request), 401, "the API key is not the right one")
        data = await _read(request)
        if data is None:
            return self._refuse(self._record(request), 413, f"the body exceeds {MAX_BODY} bytes")
        body = _parse(data)
        if body is None:
            return self._refuse(self._record(request), 400, "the body is not a JSON object")
        recorded = self._record(request, body)
        if recorded.kind is not Kind.TURN:
            return EventStream(recorded, hidden_answer(recorded.kind, self.scenario))
        return self._play(recorded)

    def _play(self, request: ModelRequest) -> Response | EventStream:
        play = self._threads.setdefault(request.thread_id, ThreadPlay(self.scenario))
        match play.answer(request):
            case Mismatch() as mismatch:
                self.mismatches.append(mismatch)
                text = f"rehearsal of `{self.scenario.name}`: {mismatch.message}"
                return self._refuse(request, 400, text, code="scenario_mismatch")
            case Search(call):
                return EventStream(request, Step(say=""), [search_item(call)], pace=self._pace)
            case Step(status=int(status)) as step:
                text = f"rehearsed status {status}"
                return self._refuse(request, status, text, retry_after=step.retry_after)
            case step:
                return EventStream(request, step, tool_items(step, request), pace=self._pace)

    async def _refuse_websocket(self, request: Request) -> Response:
        text = "there is no WebSocket here: send the request by POST"
        return self._refuse(self._record(request), 426, text)

    async def _list_models(self, request: Request) -> Response:
        recorded = self._record(request)
        if not self._knows_key(request):
            return self._refuse(recorded, 401, "the API key is not the right one")
        recorded.end(Outcome.ANSWERED)
        if "client_version" in request.query_params:
            # Codex asks for a catalogue in its own form; it keeps to its own with an empty one.
            return JSONResponse({"models": []})
        model = {"id": self.model, "object": "model", "created": 0, "owned_by": "agentos"}
        return JSONResponse({"object": "list", "data": [model]})

    async def _refuse_route(self, request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        text = f"{request.method} {request.url.path} is not served here"
        return self._refuse(self._record(request), status, text)

    def _record(self, request: Request, body: dict[str, Any] | None = None) -> ModelRequest:
        headers = dict(request.headers)
        recorded = ModelRequest(request.method, request.url.path, headers, body)
        self.requests.append(recorded)
        self._arrival.set()
        return recorded

    def _knows_key(self, request: Request) -> bool:
        given = request.headers.get("authorization", "").encode()
        return secrets.compare_digest(given, f"Bearer {self.api_key}".encode())

    def _refuse(
        self,
        request: ModelRequest,
        status: int,
        message: str,
        *,
        code: str | None = None,
        retry_after: float | None = None,
    ) -> Response:
        request.end(Outcome.REFUSED)
        kind = "server_error" if status >= 500 else "invalid_request_error"
        code = code or _ERROR_CODES.get(status)
        error = {"message": message, "type": kind, "param": None, "code": code}
        headers = {} if retry_after is None else {"retry-after": f"{retry_after:g}"}
        return JSONResponse({"error": error}, status, headers=headers)


async def _drop(request: Request, error: Exception) -> Response:
    # The client went away before it had sent its whole request: nobody reads the answer.
    return Response(status_code=400)


async def _read(request: Request) -> bytes | None:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            return None
    return bytes(body)


def _parse(data: bytes) -> dict[str, Any] | None:
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None
