"""The hub's MCP server, by the official SDK: who may see and call what, and what is recorded."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from importlib.metadata import version
from time import perf_counter
from typing import Any

from mcp.server import MCPServer, Server
from mcp.server.lowlevel.helper_types import ReadResourceContents
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.tools import Tool
from mcp_types import CallToolResult, InputRequiredResult, Resource, TextContent
from pydantic import AnyUrl
from starlette.requests import Request

from agentos.errors import AgentOsError
from agentos.hub.mcp.admission import Admission
from agentos.hub.mcp.caller import Caller, calling, current_caller
from agentos.hub.mcp.catalog import CATALOG
from agentos.hub.mcp.changes import PortfolioChanges
from agentos.hub.mcp.failures import expected, failed
from agentos.hub.mcp.resources import PortfolioResources
from agentos.hub.mcp.running import RunningCalls
from agentos.hub.telemetry.event import OK, HubEvent, Kind

NAME = "agentos"
INSTRUCTIONS = (
    "Who the user is and what they work on, and careful tools for their files and repositories. "
    "Begin with list_portfolio_files, and read what the task needs."
)
EventSink = Callable[[HubEvent], None]


class HubServer(MCPServer[Any]):
    """Tools of the hub, each for the tokens that may use it.

    Args:
        tools: What it offers.
        resources: What it offers besides.
        changes: Where its streams hear of changes to the portfolio.
        sink: Is told of each call when it is over.
        note: What every result says besides, such as that the hub itself is down.

    Attributes:
        running: The calls under way.
    """

    def __init__(
        self,
        tools: Iterable[Tool],
        resources: PortfolioResources,
        changes: PortfolioChanges,
        sink: EventSink,
        *,
        note: str | None = None,
    ) -> None:
        self.running = RunningCalls()
        logs = logging.getLogger()
        handlers, level = logs.handlers[:], logs.level
        super().__init__(
            NAME,
            title="AgentOS",
            version=version("agentos-vm"),
            instructions=INSTRUCTIONS,
            tools=list(tools),
            subscriptions=changes,
            middleware=[Admission(changes)],
        )
        # The SDK would give the process a log of its own.
        logs.handlers[:] = handlers
        logs.setLevel(level)
        self._resources = resources
        self._sink = sink
        self._note = note

    @property
    def lowlevel(self) -> Server[Any]:
        """What knows the handler of each method."""
        return self._lowlevel_server

    async def list_resources(self) -> list[Resource]:
        """Return the portfolio files that the caller sees."""
        return await self._resources.list(current_caller())

    async def read_resource(
        self, uri: AnyUrl | str, context: Context[Any, Any] | None = None
    ) -> Iterable[ReadResourceContents]:
        """Return a portfolio file."""
        return [await self._resources.read(current_caller(), str(uri))]

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[Any, Any] | None = None
    ) -> CallToolResult | InputRequiredResult:
        """Run a tool for whoever may, and tell what came of it."""
        assert context is not None
        asked = context.request_context
        assert isinstance(asked.request, Request)
        caller = Caller.of(asked.request, asked.meta)
        begun, outcome = perf_counter(), "internal"
        try:
            with self.running.cancellable(caller, asked.request_id), calling(caller):
                _permit(caller, name)
                result = await super().call_tool(name, arguments, context)
            outcome = OK
        except (AgentOsError, ToolError) as raised:
            error = expected(raised.__cause__ or raised)
            if error is None:
                raise
            outcome, result = error.code, failed(error)
        except asyncio.CancelledError:
            outcome = "cancelled"
            raise
        finally:
            self._sink(
                HubEvent(
                    kind=Kind.TOOL,
                    name=name,
                    outcome=outcome,
                    duration_ms=(perf_counter() - begun) * 1000,
                    client=caller.client,
                    principal=caller.principal.name,
                    arguments=arguments,
                    request_id=str(asked.request_id),
                )
            )
        if self._note and isinstance(result, CallToolResult) and not result.is_error:
            result.content.append(TextContent(type="text", text=self._note))
            # Some clients show the model this alone.
            result.structured_content = {**(result.structured_content or {}), "note": self._note}
        return result


def _permit(caller: Caller, name: str) -> None:
    facts = CATALOG.get(name)
    if facts is None:
        raise AgentOsError(
            f"there is no tool {name!r} here", code="unknown_tool", hint="tools/list names them"
        )
    if not caller.principal.allows(facts.scope):
        has = ", ".join(sorted(caller.principal.scopes)) or "none"
        raise AgentOsError(
            f"{name} needs {facts.scope}, which the token {caller.principal.name!r} does not have",
            code="scope_missing",
            hint=f"it has {has}; `agentos token create --scope {facts.scope}` makes another one",
        )
