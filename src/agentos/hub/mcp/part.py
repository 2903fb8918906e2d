"""MCP as a part of the hub: `/mcp`, on the services of this host."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING

from starlette.routing import Route

from agentos.hub.auth.origins import MACHINE_NAME
from agentos.hub.background import background
from agentos.hub.mcp.changes import PortfolioChanges, tell_changes
from agentos.hub.mcp.endpoint import McpEndpoint
from agentos.hub.mcp.host_services import HostServices
from agentos.hub.mcp.resources import PortfolioResources
from agentos.hub.mcp.server import HubServer
from agentos.hub.mcp.tools import hub_tools

if TYPE_CHECKING:
    from fastapi import FastAPI

    from agentos.hub.hub import Hub
    from agentos.hub.settings import HubSettings

PATH = "/mcp"
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


def add(app: FastAPI, hub: Hub) -> AbstractAsyncContextManager[None]:
    """Add the endpoint, before all other routes: nothing is asked as often."""
    host = HostServices(hub.settings, hub.home, hub.state, hub.projects)
    changes = PortfolioChanges()
    services = host.services(lambda event: hub.telemetry.record(event))
    server = HubServer(hub_tools(services), PortfolioResources(services), changes, services.record)
    endpoint = McpEndpoint(
        server,
        changes,
        hosts=allowed_hosts(hub.settings),
        origins=hub.settings.allowed_origins,
        most_bytes=hub.settings.max_body_bytes,
    )
    app.router.routes.insert(0, Route(PATH, endpoint, include_in_schema=False))

    @asynccontextmanager
    async def running() -> AsyncIterator[None]:
        ending = _end_streams(hub.closing, endpoint)
        async with endpoint.serving(), tell_changes(host, changes), background(ending):
            try:
                yield
            finally:
                host.close()

    return running()


def allowed_hosts(settings: HubSettings) -> list[str]:
    """Return the names that requests may come by, for any port: the guard knows the port."""
    names = (*_LOOPBACK, settings.host, MACHINE_NAME, *settings.allowed_hosts)
    return [form for name in names for form in (name, f"{name}:*")]


async def _end_streams(closing: asyncio.Event, endpoint: McpEndpoint) -> None:
    await closing.wait()
    endpoint.end_streams()
