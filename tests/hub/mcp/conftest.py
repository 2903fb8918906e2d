"""A whole hub that listens on loopback, and MCP clients of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult, Implementation, TextContent

from agentos.hub.app import create_app
from agentos.hub.hub import Hub
from agentos.hub.scopes import Scope
from agentos.hub.settings import HubSettings
from agentos.models.listener import Listener

Era = Literal["legacy", "2026-07-28"]
ERAS: Sequence[Era] = ("legacy", "2026-07-28")
IDENTITY = """\
---
updated: 2026-11-01
stability: stable
scope: who the user is
---
# Identity

Ada likes tea.
"""


@dataclass(frozen=True)
class ListeningHub:
    """A hub of the test's own, and where it listens."""

    hub: Hub
    url: str

    @property
    def pages(self) -> Path:
        """The directory of the portfolio."""
        return self.hub.home / "context-portfolio"

    @asynccontextmanager
    async def client(
        self, era: Era = "legacy", *, token: str | None = None, **settings: Any
    ) -> AsyncIterator[Client]:
        """Connect the SDK's own client."""
        shown = token or self.hub.tokens.user()
        headers = {"Authorization": f"Bearer {shown}"}
        async with httpx2.AsyncClient(headers=headers, timeout=60) as http:
            transport = streamable_http_client(self.url, http_client=http)
            who = Implementation(name="codex-mcp-client", version="1.2")
            async with Client(transport, mode=era, client_info=who, **settings) as client:
                yield client

    async def post(
        self, message: object, headers: dict[str, str] | None = None, token: str | None = None
    ) -> httpx2.Response:
        """Post a message as a client that knows nothing of the SDK would."""
        sent = {
            "authorization": f"Bearer {token or self.hub.tokens.user()}",
            "accept": "application/json, text/event-stream",
            **(headers or {}),
        }
        async with httpx2.AsyncClient(timeout=60) as http:
            return await http.post(self.url, json=message, headers=sent)

    def token(self, *scopes: Scope) -> str:
        """Make a token with some rights."""
        return self.hub.tokens.create(scopes, name="narrow")


StartHub = Callable[..., AbstractAsyncContextManager[ListeningHub]]


@pytest.fixture
def start_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StartHub:
    """Start hubs inside the test, each with a page about Ada."""
    monkeypatch.setenv("AGENTOS_STORE_URL", f"sqlite:///{tmp_path}/agentos.db")
    monkeypatch.setenv("AGENTOS_STATE_DIR", str(tmp_path / "state"))

    @asynccontextmanager
    async def start(settings: HubSettings | None = None) -> AsyncIterator[ListeningHub]:
        pages = tmp_path / "home" / "context-portfolio"
        pages.mkdir(parents=True)
        (pages / "identity.md").write_text(IDENTITY)
        settings = replace(settings or HubSettings(), requests_per_minute=1_000_000)
        hub = Hub(settings, tmp_path / "state", tmp_path / "home")
        app = create_app(hub)
        listener = Listener(app)
        async with app.router.lifespan_context(app):
            try:
                yield ListeningHub(hub, f"http://127.0.0.1:{await listener.start()}/mcp")
            finally:
                hub.closing.set()
                await listener.close()

    return start


@pytest.fixture
async def hub(start_hub: StartHub) -> AsyncIterator[ListeningHub]:
    """A hub with nothing but the portfolio."""
    async with start_hub() as started:
        yield started


def text_of(result: CallToolResult) -> str:
    """Return what a model reads."""
    return "\n".join(part.text for part in result.content if isinstance(part, TextContent))
