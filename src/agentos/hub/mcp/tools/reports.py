"""The tool by which a skill reports that it ran."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mcp.server.mcpserver.tools import Tool

from agentos.hub.mcp.caller import current_caller
from agentos.hub.mcp.services import Services
from agentos.hub.mcp.tool import tool
from agentos.hub.telemetry.event import OK, HubEvent, Kind


@dataclass(frozen=True)
class Recorded:
    """That it was written down."""

    recorded: bool = True


def report_tools(services: Services) -> Iterator[Tool]:
    """Make the tool."""

    async def log_command(
        command: str,
        outcome: str = OK,
        duration_ms: float = 0,
        arguments: dict[str, Any] | None = None,
    ) -> Recorded:
        caller = current_caller()
        services.record(
            HubEvent(
                kind=Kind.COMMAND,
                name=command,
                outcome=outcome,
                duration_ms=duration_ms,
                client=caller.client,
                principal=caller.principal.name,
                arguments=arguments,
            )
        )
        return Recorded()

    yield tool("agentOS_log_command", log_command)
