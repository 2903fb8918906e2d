"""The hub as one application: its parts behind the guard."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any, Protocol

from fastapi import FastAPI

from agentos.hub import health
from agentos.hub.answers import answer_errors
from agentos.hub.auth.guard import Guard
from agentos.hub.hub import Hub
from agentos.hub.lifecycle import routes as lifecycle
from agentos.hub.mcp import part as mcp
from agentos.hub.rest import doctor, portfolio, prices, profiles
from agentos.hub.rest.memories import part as memories
from agentos.hub.rest.skills import part as skills
from agentos.hub.rest.sync import part as sync
from agentos.hub.rest.usage import part as usage
from agentos.hub.sessions import part as sessions
from agentos.hub.telemetry import part as telemetry
from agentos.hub.telemetry import rest as hub_state
from agentos.hub.web import part as web


class Part(Protocol):
    """What adds itself to the hub."""

    def __call__(self, app: FastAPI, hub: Hub) -> AbstractAsyncContextManager[object] | None:
        """Add routes or mounts.

        Returns:
            What runs while the hub does, if anything; the store is open then.
        """


#: The parts, in the order in which they begin; they end in reverse.
PARTS: Sequence[Part] = (
    telemetry.add,
    health.add,
    lifecycle.add,
    mcp.add,
    usage.add,
    hub_state.add,
    portfolio.add,
    memories.add,
    sync.add,
    skills.add,
    profiles.add,
    prices.add,
    doctor.add,
    sessions.add,
    web.add,
)


def create_app(hub: Hub, parts: Sequence[Part] | None = None) -> FastAPI:
    """Make the application.

    Args:
        hub: What its parts receive.
        parts: Other parts than the hub's own.

    Returns:
        An application, guarded; its OpenAPI document is at `/openapi.json`.
    """
    running: list[AbstractAsyncContextManager[object]] = []

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(hub.opened())
            for one in running:
                await stack.enter_async_context(one)
            yield

    app = _Application(
        title="AgentOS hub",
        version=hub.version,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    answer_errors(app)
    app.add_middleware(Guard, hub=hub)
    for part in PARTS if parts is None else parts:
        runs = part(app, hub)
        if runs is not None:
            running.append(runs)
    return app


class _Application(FastAPI):
    """Its OpenAPI document says that every route needs the token."""

    def openapi(self) -> dict[str, Any]:
        document = super().openapi()
        schemes = document.setdefault("components", {}).setdefault("securitySchemes", {})
        schemes["token"] = {"type": "http", "scheme": "bearer"}
        document["security"] = [{"token": []}]
        return document
