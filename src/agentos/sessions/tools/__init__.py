"""Host functions that an agent may call: an MCP server for one session alone."""

from __future__ import annotations

from agentos.sessions.tools.tool import Tool, ToolContext

__all__ = ["Tool", "ToolContext"]
