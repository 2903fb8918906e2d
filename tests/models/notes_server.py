"""A small MCP server on stdio, for the tests."""

from __future__ import annotations

from mcp.server import MCPServer

server = MCPServer("team-notes")


@server.tool()
def search_notes(query: str) -> str:
    """Search the team's notes."""
    return f"found {query}"


if __name__ == "__main__":
    server.run("stdio")
