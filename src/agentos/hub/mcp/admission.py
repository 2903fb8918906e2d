"""What each message of MCP is let through with, before a tool or a resource is reached."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp_types import INTERNAL_ERROR, INVALID_REQUEST
from starlette.requests import Request

from agentos.errors import AgentOsError
from agentos.hub.mcp.caller import NEW_SESSION, Caller, calling, session_for
from agentos.hub.mcp.catalog import CATALOG
from agentos.hub.mcp.changes import PortfolioChanges
from agentos.hub.mcp.failures import expected
from agentos.hub.scopes import Scope


class Admission:
    """Middleware of the SDK: a token sees what it may use, and nothing else.

    Args:
        changes: What can be subscribed to.
    """

    def __init__(self, changes: PortfolioChanges) -> None:
        self._changes = changes

    async def __call__(
        self, ctx: ServerRequestContext[Any, Any], call_next: CallNext
    ) -> HandlerResult:
        """Let one message through."""
        method = ctx.method
        if method == "tools/call":
            return await call_next(ctx)  # the tool's own scope is looked at where it is called
        assert isinstance(ctx.request, Request)
        request = ctx.request
        caller = Caller.of(request, ctx.meta)
        said: Mapping[str, Any] = ctx.params or {}
        if method.startswith(("resources/", "subscriptions/")):
            _require_portfolio(caller)
        if method in ("resources/subscribe", "resources/unsubscribe"):
            return self._subscribe(method, caller, str(said.get("uri")))
        try:
            with calling(caller):
                result = await call_next(ctx)
        except (AgentOsError, OSError) as raised:
            error = expected(raised)
            raise MCPError(INTERNAL_ERROR, str(error), {"code": error.code}) from raised
        if not isinstance(result, dict):
            return result
        if method == "initialize":
            request.scope["state"][NEW_SESSION] = session_for(said.get("clientInfo"))
            result["capabilities"]["resources"] = {"subscribe": True, "listChanged": True}
        if method == "tools/list":
            result["tools"] = [tool for tool in result["tools"] if _may(caller, tool["name"])]
        return result

    def _subscribe(self, method: str, caller: Caller, uri: str) -> dict[str, Any]:
        if not caller.session:
            raise MCPError(INVALID_REQUEST, "who subscribes sends the Mcp-Session-Id it was given")
        change = self._changes.watch if method == "resources/subscribe" else self._changes.unwatch
        change(caller.session, uri)
        return {}


def _may(caller: Caller, tool: str) -> bool:
    return caller.principal.allows(CATALOG[tool].scope)


def _require_portfolio(caller: Caller) -> None:
    if not caller.principal.allows(Scope.PORTFOLIO_READ):
        raise MCPError(
            INVALID_REQUEST,
            f"the token {caller.principal.name!r} lacks {Scope.PORTFOLIO_READ}",
            {"code": "scope_missing"},
        )
