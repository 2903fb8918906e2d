"""A hub inside the test, and clients of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI

from agentos.hub.app import PARTS, Part, create_app
from agentos.hub.hub import Hub
from agentos.hub.lifecycle.endpoint import Endpoint, open_endpoint
from agentos.hub.lifecycle.running import Running, own_birth
from agentos.hub.lifecycle.server import Server
from agentos.hub.records import NotRecorded, Recorder, RequestRecord
from agentos.hub.settings import HubSettings

URL = "http://127.0.0.1:3000"


class Remembered:
    """A recorder that the test reads, beside the hub's own; the last of its parts."""

    def __init__(self) -> None:
        self.records: list[RequestRecord] = []
        self._own: Recorder = NotRecorded()

    @asynccontextmanager
    async def __call__(self, app: FastAPI, hub: Hub) -> AsyncIterator[None]:
        self._own, hub.recorder = hub.recorder, self
        try:
            yield
        finally:
            hub.recorder = self._own

    async def request(self, record: RequestRecord) -> None:
        self.records.append(record)
        await self._own.request(record)


class Asking:
    """A client of a hub inside the test; it shows the user's token unless told otherwise."""

    def __init__(self, hub: Hub, client: httpx2.AsyncClient, seen: Remembered) -> None:
        self.hub = hub
        self.client = client
        self.seen = seen

    async def ask(
        self,
        method: str,
        path: str,
        *,
        token: str | None = "",
        body: object = None,
        headers: dict[str, str] | None = None,
        content: bytes | AsyncIterator[bytes] | None = None,
    ) -> httpx2.Response:
        shown = self.hub.tokens.user() if token == "" else token
        sent = {} if shown is None else {"authorization": f"Bearer {shown}"}
        sent |= headers or {}
        if body is not None:
            return await self.client.request(method, path, json=body, headers=sent)
        return await self.client.request(method, path, content=content, headers=sent)


Started = Callable[..., AbstractAsyncContextManager[Asking]]


@pytest.fixture
def asking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Started:
    """Start hubs inside the test."""
    monkeypatch.setenv("AGENTOS_STORE_URL", f"sqlite:///{tmp_path}/agentos.db")

    @asynccontextmanager
    async def start(
        settings: HubSettings | None = None, parts: Sequence[Part] | None = None
    ) -> AsyncIterator[Asking]:
        seen = Remembered()
        hub = Hub(settings or HubSettings(), tmp_path / "state", tmp_path / "home")
        app = create_app(hub, [*(PARTS if parts is None else parts), seen])
        transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
        async with (
            app.router.lifespan_context(app),
            httpx2.AsyncClient(transport=transport, base_url=URL) as client,
        ):
            yield Asking(hub, client, seen)

    return start


@dataclass(frozen=True)
class Serving:
    """A hub that listens on a port of this host, and a client of its user's."""

    hub: Hub
    server: Server
    endpoint: Endpoint
    client: httpx2.AsyncClient
    seen: Remembered

    @property
    def running(self) -> Running:
        """What it would say of itself in its state directory."""
        at = self.endpoint
        return Running(1, own_birth(), at.host, at.port, at.url, version="", started="", home="")


Serve = Callable[..., AbstractAsyncContextManager[Serving]]


@pytest.fixture
def serving(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Serve:
    """Serve parts, or the hub's own, on a free port."""
    monkeypatch.setenv("AGENTOS_STORE_URL", f"sqlite:///{tmp_path}/agentos.db")

    @asynccontextmanager
    async def serve(
        *parts: Part, settings: HubSettings | None = None, **client: object
    ) -> AsyncIterator[Serving]:
        settings = settings or HubSettings(port=0)
        seen = Remembered()
        hub = Hub(settings, tmp_path / "state", tmp_path / "home")
        app = create_app(hub, [*(parts or PARTS), seen])
        ready = asyncio.Event()
        server = Server(app, hub, ready.set)
        endpoint = open_endpoint(settings, chosen=True)
        headers = {"authorization": f"Bearer {hub.tokens.user()}"}
        asking = httpx2.AsyncClient(
            base_url=endpoint.url,
            headers=headers,
            timeout=60,
            **client,  # type: ignore[arg-type]
        )
        with endpoint.socket:
            async with asking, app.router.lifespan_context(app), asyncio.TaskGroup() as group:
                group.create_task(server.serve([endpoint.socket]))
                await ready.wait()
                yield Serving(hub, server, endpoint, asking, seen)
                server.stop()

    return serve
