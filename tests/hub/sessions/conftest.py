"""A hub that listens, sessions of the real Codex in it, and a rehearsal model."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.hub.conftest import Serve, Serving

from agentos.models.rehearsal import RehearsalModel, Scenario, Step

PATIENCE = 60.0


@dataclass
class Sessions:
    """A hub's sessions, as a client that holds the user's token sees them."""

    hub: Serving
    model: RehearsalModel

    @property
    def env(self) -> dict[str, str]:
        return {"OPENAI_API_KEY": self.model.api_key, "OPENAI_BASE_URL": self.model.base_url}

    async def ask(
        self, method: str, path: str, body: object = None, **more: Any
    ) -> httpx2.Response:
        return await self.hub.client.request(method, f"/api/v1{path}", json=body, **more)

    async def said(self, method: str, path: str, body: object = None) -> Any:
        answer = await self.ask(method, path, body)
        assert answer.status_code < 300, (answer.status_code, answer.text)
        return answer.json() if answer.content else None

    async def begin(self, **wanted: Any) -> Any:
        body = {"agent": "codex", "model": "gpt-5.5", "env": self.env, **wanted}
        return await self.said("POST", "/sessions", body)

    async def until(self, id: str, state: str) -> Any:
        """Wait until a session is at something."""
        async with asyncio.timeout(PATIENCE):
            async for kind, data, _ in self.stream(f"/sessions/{id}/stream"):
                if kind == "state" and data["state"] == state:
                    return data
        raise AssertionError(f"the stream ended before {state}")

    async def stream(
        self, path: str, after: int | None = None
    ) -> AsyncIterator[tuple[str, Any, int | None]]:
        """Yield server-sent events: their name, their data and their id."""
        headers = {} if after is None else {"Last-Event-ID": str(after)}
        async with (
            asyncio.timeout(PATIENCE),
            self.hub.client.stream("GET", f"/api/v1{path}", headers=headers) as answer,
        ):
            assert answer.status_code == 200, await answer.aread()
            name, id, data = "message", None, ""
            async for line in answer.aiter_lines():
                if line == "" and data:
                    yield name, json.loads(data) if data[:1] in "{[" else data, id
                    name, id, data = "message", None, ""
                field, _, value = line.partition(": ")
                if field == "event":
                    name = value
                elif field == "id":
                    id = int(value)
                elif field == "data":
                    data = value

    async def events(self, id: str, until: str = "turn_ended", after: int = 0) -> list[Any]:
        """The events of a session up to the first of a type."""
        found = []
        async for kind, data, _ in self.stream(f"/sessions/{id}/stream?after={after}"):
            if kind == "event":
                found.append(data)
                if data["type"] == until:
                    break
        return found


Open = Callable[..., AbstractAsyncContextManager[Sessions]]


@pytest.fixture
def sessions(serving: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Open:
    """Serve a hub whose agents' model plays these steps."""
    monkeypatch.setenv("AGENTOS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AGENTOS_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("CODEX_HOME", str(tmp_path / "codex"))

    @asynccontextmanager
    async def opened(*steps: Step) -> AsyncIterator[Sessions]:
        async with (
            RehearsalModel(Scenario(steps=list(steps) or [Step(say="Done.")])) as model,
            serving() as hub,
        ):
            yield Sessions(hub, model)

    return opened
