"""MCP servers of a session in ACP's words."""

from __future__ import annotations

from acp.schema import EnvVariable, HttpHeader, HttpMcpServer, McpServerStdio

from agentos.agents.definition import McpServer


def as_acp(name: str, server: McpServer) -> HttpMcpServer | McpServerStdio:
    """Put an MCP server into the form that an agent is given."""
    if server.url is not None:
        headers = [HttpHeader(name=key, value=value) for key, value in server.headers.items()]
        return HttpMcpServer(type="http", name=name, url=server.url, headers=headers)
    env = [EnvVariable(name=key, value=value) for key, value in server.env.items()]
    return McpServerStdio(name=name, command=server.command or "", args=list(server.args), env=env)
