"""The MCP server of one session's tools, by the official SDK."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import mcp_types as types
from mcp.server import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings

from agentos.sessions.tools.failures import CallFailed

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from agentos.sessions.tools.calls import ToolCalls

NAME = "agentos-tools"


@asynccontextmanager
async def mcp_app(calls: ToolCalls) -> AsyncIterator[ASGIApp]:
    """Serve tools over streamable HTTP, as an ASGI application that lets everybody in."""
    manager = StreamableHTTPSessionManager(
        _server(calls),
        json_response=True,
        stateless=True,
        security_settings=TransportSecuritySettings(enable_dns_rebinding_protection=False),
    )
    async with manager.run():
        yield manager.handle_request


def _server(calls: ToolCalls) -> Server[Any]:
    tools = [
        types.Tool(name=s.name, description=s.description, input_schema=dict(s.schema))
        for s in calls.signatures.values()
    ]

    async def list_tools(_: object, __: object) -> types.ListToolsResult:
        return types.ListToolsResult(tools=tools)

    async def call_tool(_: object, params: types.CallToolRequestParams) -> types.CallToolResult:
        try:
            text = await calls.call(params.name, params.arguments or {})
        except CallFailed as failure:
            return _result(str(failure), is_error=True)
        return _result(text, is_error=False)

    return Server(
        NAME, version=version("agentos-vm"), on_list_tools=list_tools, on_call_tool=call_tool
    )


def _result(text: str, *, is_error: bool) -> types.CallToolResult:
    content = types.TextContent(type="text", text=text)
    return types.CallToolResult(content=[content], is_error=is_error)
