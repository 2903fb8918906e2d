"""Tools of project actions; their output is told as it comes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.tools import Tool

from agentos.hub.mcp.services import Services
from agentos.hub.mcp.tool import tool


@dataclass(frozen=True)
class Ran:
    """How an action ended."""

    ok: bool
    summary: str
    output: str
    artefact: str | None = None


def action_tools(services: Services) -> Iterator[Tool]:
    """Make the tools."""

    async def run(name: str, context: Context) -> Ran:
        told = 0

        async def progress(line: str) -> None:
            nonlocal told
            told += 1
            await context.report_progress(told, message=line)

        result = await services.actions().run(name, progress)
        cut = "...\n" if result.truncated else ""
        return Ran(result.ok, result.summary, cut + result.output, result.artefact)

    async def compile_project(context: Context, action: str = "compile") -> Ran:
        return await run(action, context)

    async def package(context: Context) -> Ran:
        return await run("package", context)

    async def install(context: Context) -> Ran:
        return await run("install", context)

    yield tool("agentOS_ext_compile", compile_project)
    yield tool("agentOS_ext_package", package)
    yield tool("agentOS_ext_install", install)
