"""Tools of project actions; their output is told as it comes."""

from __future__ import annotations

from collections.abc import Iterator

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.tools import Tool

from agentos.hub.actions import ActionResult
from agentos.hub.mcp.services import Services
from agentos.hub.mcp.tool import tool


def action_tools(services: Services) -> Iterator[Tool]:
    """Make the tools."""

    async def run(name: str, context: Context) -> ActionResult:
        told = 0

        async def progress(line: str) -> None:
            nonlocal told
            told += 1
            await context.report_progress(told, message=line)

        return await services.actions().run(name, progress)

    async def compile_project(context: Context, action: str = "compile") -> ActionResult:
        return await run(action, context)

    async def package(context: Context) -> ActionResult:
        return await run("package", context)

    async def install(context: Context) -> ActionResult:
        return await run("install", context)

    yield tool("agentOS_ext_compile", compile_project)
    yield tool("agentOS_ext_package", package)
    yield tool("agentOS_ext_install", install)
