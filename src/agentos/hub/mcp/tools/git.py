"""Tools of git: status, diff, commit, push."""

from __future__ import annotations

from collections.abc import Iterator

from mcp.server.mcpserver.tools import Tool

from agentos.hub.git import CommitResult, DiffResult, PushResult, StatusResult
from agentos.hub.mcp.services import Services
from agentos.hub.mcp.tool import tool


def git_tools(services: Services) -> Iterator[Tool]:
    """Make the tools."""

    async def status(directory: str) -> StatusResult:
        return await services.repositories().status(directory)

    async def diff(
        directory: str,
        staged: bool = False,
        paths: list[str] = [],  # noqa: B006 - the schema's default; never changed
    ) -> DiffResult:
        return await services.repositories().diff(directory, staged=staged, paths=paths)

    async def commit(directory: str, message: str, paths: list[str] | None = None) -> CommitResult:
        return await services.repositories().commit(directory, message, paths)

    async def push(
        directory: str, remote: str | None = None, branch: str | None = None
    ) -> PushResult:
        return await services.repositories().push(directory, remote, branch)

    yield tool("agentOS_git_status", status)
    yield tool("agentOS_git_diff", diff)
    yield tool("agentOS_git_commit", commit)
    yield tool("agentOS_git_push", push)
