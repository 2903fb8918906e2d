"""The hub's tools, one module for each of the services that they stand on."""

from __future__ import annotations

from collections.abc import Iterator

from mcp.server.mcpserver.tools import Tool

from agentos.hub.mcp.services import Services
from agentos.hub.mcp.tools.actions import action_tools
from agentos.hub.mcp.tools.files import file_tools
from agentos.hub.mcp.tools.git import git_tools
from agentos.hub.mcp.tools.portfolio import portfolio_tools
from agentos.hub.mcp.tools.reports import report_tools


def hub_tools(services: Services) -> Iterator[Tool]:
    """Make all tools, those first that an agent begins with."""
    yield from portfolio_tools(services)
    yield from git_tools(services)
    yield from file_tools(services)
    yield from action_tools(services)
    yield from report_tools(services)
