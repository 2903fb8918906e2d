"""A gateway with a scripted provider on loopback, and a client that is a session."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest

from agentos.models.budgets import Budget
from agentos.models.gateway import Binding, ModelGateway
from agentos.models.providers import Provider

REAL_KEY = "sk-the-real-key"
MACHINE = "machine-one"
USAGE = {
    "input_tokens": 100,
    "input_tokens_details": {"cached_tokens": 40},
    "output_tokens": 20,
    "output_tokens_details": {"reasoning_tokens": 5},
    "total_tokens": 120,
}


@dataclass
class Asked:
    """A request as the provider got it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Answering:
    """Writes the answer to one request, as it is or as it should not be."""

    asked: Asked
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def raw(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def reply(
        self, status: int, body: bytes, headers: Mapping[str, str] | None = None
    ) -> None:
        lines = [f"HTTP/1.1 {status} Said", f"content-length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        await self.raw("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    async def json(self, status: int, body: object, headers: Mapping[str, str] = {}) -> None:
        sent = {"content-type": "application/json", **headers}
        await self.reply(status, json.dumps(body).encode(), sent)

    async def begin(self, headers: Mapping[str, str] | None = None) -> None:
        """Begin a stream of events."""
        lines = ["HTTP/1.1 200 OK", "transfer-encoding: chunked"]
        sent = {"content-type": "text/event-stream", **(headers or {})}
        lines += [f"{name}: {value}" for name, value in sent.items()]
        await self.raw("\r\n".join(lines).encode() + b"\r\n\r\n")

    async def chunk(self, data: bytes) -> None:
        await self.raw(b"%x\r\n%s\r\n" % (len(data), data))

    async def end(self) -> None:
        await self.raw(b"0\r\n\r\n")

    async def stream(self, data: bytes, headers: Mapping[str, str] | None = None) -> None:
        await self.begin(headers)
        await self.chunk(data)
        await self.end()

    async def stream_head(self) -> None:
        """Begin a stream of events, and stop in the middle."""
        await self.begin()
        await self.chunk(b"data: half\n\n")

    async def client_gone(self) -> None:
        """Wait until whoever asked has closed the connection."""
        with contextlib.suppress(ConnectionError):
            while await self.reader.read(2**16):
                pass


Script = Callable[[Answering], Awaitable[None]]


@dataclass
class ScriptedProvider:
    """A real HTTP server on loopback whose answers are written by the test."""

    script: Script
    asked: list[Asked] = field(default_factory=list)
    port: int = 0
    _arrived: asyncio.Event = field(default_factory=asyncio.Event)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    async def wait_for(self, count: int) -> None:
        while len(self.asked) < count:
            self._arrived.clear()
            await self._arrived.wait()

    async def __aenter__(self) -> ScriptedProvider:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, backlog=1024)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        try:
            while (asked := await _read(reader)) is not None:
                self.asked.append(asked)
                self._arrived.set()
                await self.script(Answering(asked, reader, writer))
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.transport.abort()


async def _read(reader: asyncio.StreamReader) -> Asked | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    except asyncio.IncompleteReadError:
        return None
    method, path, _ = head[0].split(" ")
    headers = {}
    for line in head[1:]:
        name, _, value = line.partition(": ")
        if name:
            headers[name.lower()] = value
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Asked(method, path, headers, body)


def events(text: str = "hello", usage: object = USAGE, model: str = "served-1") -> bytes:
    """A stream of the Responses API."""
    told: list[dict[str, Any]] = [
        {"type": "response.created", "response": {"id": "resp_1", "model": model, "usage": None}},
        {"type": "response.output_text.delta", "delta": text},
        {
            "type": "response.completed",
            "response": {"id": "resp_1", "model": model, "error": None, "usage": usage},
        },
    ]
    return b"".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n".encode() for e in told)


async def answer(answering: Answering) -> None:
    """Answer as a provider does that works."""
    await answering.stream(events())


@dataclass
class Stage:
    """A gateway, its provider, and a client with a session key in a machine."""

    gateway: ModelGateway
    provider: ScriptedProvider
    client: httpx2.AsyncClient
    key: str

    async def post(self, path: str = "responses", **body: Any) -> httpx2.Response:
        body = {"model": "m", "input": "hi", "stream": True} | body
        return await self.client.post(path, json=body)


StageMaker = Callable[..., AbstractAsyncContextManager[Stage]]


@asynccontextmanager
async def session_client(
    gateway: ModelGateway, machine: str = MACHINE, **binding: Any
) -> AsyncIterator[tuple[httpx2.AsyncClient, str]]:
    """Be a session of a machine."""
    port = await gateway.doors.open(machine)
    key = gateway.keys.mint(machine)
    gateway.keys.bind(key, Binding(**{"route": "played", **binding}))
    headers = {"authorization": f"Bearer {key}"}
    url = f"http://127.0.0.1:{port}/v1/"
    async with httpx2.AsyncClient(base_url=url, headers=headers, timeout=20) as client:
        yield client, key
    gateway.keys.revoke(key)
    gateway.doors.close_one(machine)


@pytest.fixture
def stage() -> StageMaker:
    """Make a gateway whose provider `played` answers as scripted."""

    @asynccontextmanager
    async def make(
        script: Script = answer,
        *,
        provider: Mapping[str, Any] | None = None,
        budget: Budget | None = None,
        profile: str = "",
        route: str = "played",
        **settings: Any,
    ) -> AsyncIterator[Stage]:
        async with asyncio.timeout(240), ScriptedProvider(script) as scripted:
            about: dict[str, Any] = {"retries": 0, "key": REAL_KEY, **(provider or {})}
            played = Provider("played", scripted.base_url, **about)
            others = settings.pop("providers", ())
            binding: dict[str, Any] = {"route": route, "budget": budget, "profile": profile}
            async with (
                ModelGateway([played, *others], **settings) as gateway,
                session_client(gateway, **binding) as (client, key),
            ):
                yield Stage(gateway, scripted, client, key)

    return make


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let retries follow each other without the pauses that providers need."""
    monkeypatch.setattr("agentos.models.gateway.attempts._FIRST_WAIT", 0.001)
