"""The endpoint without a hub: the portfolio is there, the rest says why not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from agentos.home.projects import ActiveProjects
from agentos.hub.mcp.changes import PortfolioChanges
from agentos.hub.mcp.endpoint import McpEndpoint
from agentos.hub.mcp.host_services import HostServices
from agentos.hub.mcp.resources import PortfolioResources
from agentos.hub.mcp.server import HubServer
from agentos.hub.mcp.services import Services, missing
from agentos.hub.mcp.tools import hub_tools
from agentos.hub.settings import load_hub_settings

_LARGEST = 10_000_000


@asynccontextmanager
async def portfolio_only(
    home: Path, state: Path, why: str, host: str
) -> AsyncIterator[McpEndpoint]:
    """Serve MCP without a hub; every result says so.

    Args:
        home: The AgentOS home.
        state: The state directory.
        why: Why there is no hub.
        host: The name that it is asked by.

    Raises:
        ConfigInvalid: `agentos.toml` does not tell what a project may see.
    """
    settings = load_hub_settings(home / "agentos.toml")
    projects = ActiveProjects(settings.projects, state)
    portfolio = HostServices(settings, home, state, projects).portfolio
    absent = missing(
        f"the AgentOS hub is not available: {why}",
        code="hub_unavailable",
        hint="`agentos up` starts it, and `agentos logs` shows why it ends",
    )
    services = Services(portfolio, absent, absent, absent, lambda event: None)
    changes = PortfolioChanges()
    server = HubServer(
        hub_tools(services),
        PortfolioResources(services),
        changes,
        services.record,
        note=f"(Read from disk, because the AgentOS hub is not available: {why})",
    )
    endpoint = McpEndpoint(server, changes, hosts=[host], origins=[], most_bytes=_LARGEST)
    async with endpoint.serving():
        yield endpoint
