"""A session's client, a scripted provider, and a cassette between them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
from tests.models.gateway.conftest import (
    MACHINE,
    REAL_KEY,
    Answering,
    Script,
    ScriptedProvider,
    answer,
    session_client,
)

from agentos import ModelGateway, Provider
from agentos.models.cassettes.cassette import Cassette
from agentos.models.gateway.keys import key_id


@dataclass
class Recorded:
    """A session whose calls a cassette hears."""

    provider: ScriptedProvider
    client: httpx2.AsyncClient
    gateway: ModelGateway

    async def post(self, asked: str, thread: str = "", /, **body: Any) -> httpx2.Response:
        headers = {"thread-id": thread} if thread else {}
        said = {"model": "m", "input": asked, "stream": True} | body
        return await self.client.post("responses", json=said, headers=headers)


Recording = Callable[..., AbstractAsyncContextManager[Recorded]]


@pytest.fixture
def recorded() -> Recording:
    """Make a session of a gateway whose provider answers as scripted."""

    @asynccontextmanager
    async def make(
        cassette: Cassette, script: Script = answer, **settings: Any
    ) -> AsyncIterator[Recorded]:
        async with ScriptedProvider(script) as scripted:
            played = Provider(
                "played", scripted.base_url, REAL_KEY, retries=0, **settings.pop("provider", {})
            )
            async with (
                ModelGateway([played], **settings) as gateway,
                session_client(gateway, MACHINE) as (client, key),
            ):
                between = cassette.between(gateway.providers)
                with gateway.through(key_id(key), between):
                    yield Recorded(scripted, client, gateway)

    return make


async def nobody(answering: Answering) -> None:
    """Fail: nobody was to be asked."""
    await answering.json(599, {"error": "the provider was asked"})
