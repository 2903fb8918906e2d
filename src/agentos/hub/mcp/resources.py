"""Portfolio files as MCP resources, which are what is on disk now."""

from __future__ import annotations

from mcp.server.lowlevel.helper_types import ReadResourceContents
from mcp.server.mcpserver.exceptions import ResourceError, ResourceNotFoundError
from mcp_types import Resource

from agentos.errors import AgentOsError
from agentos.hub.mcp.caller import Caller
from agentos.hub.mcp.services import Services
from agentos.hub.telemetry.event import HubEvent, Kind

_TYPE = "text/markdown"
_UNKNOWN = frozenset(("portfolio_file_unknown", "portfolio_name_invalid"))


class PortfolioResources:
    """Lists and reads `portfolio://NAME`.

    Args:
        services: Where the portfolio is.
    """

    def __init__(self, services: Services) -> None:
        self._services = services

    async def list(self, caller: Caller) -> list[Resource]:
        """Return what a client sees."""
        return [
            Resource(
                uri=file.uri,
                name=file.name,
                title=file.title,
                description=file.scope,
                mime_type=_TYPE,
                size=file.size,
            )
            for file in await self._services.portfolio(caller.client).files()
        ]

    async def read(self, caller: Caller, uri: str) -> ReadResourceContents:
        """Return one.

        Raises:
            ResourceError: There is none of this name, or it cannot be read; why.
        """
        try:
            page = await self._services.portfolio(caller.client).read(uri)
        except AgentOsError as error:
            kind = ResourceNotFoundError if error.code in _UNKNOWN else ResourceError
            raise kind(str(error)) from error
        self._services.record(
            HubEvent(
                kind=Kind.PORTFOLIO_READ,
                name=page.file.name,
                client=caller.client,
                principal=caller.principal.name,
            )
        )
        return ReadResourceContents(page.text, mime_type=_TYPE)
