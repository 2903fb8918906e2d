"""Lead one session of a machine to the tools that it was given, and no other."""

from __future__ import annotations

import asyncio
import importlib
import secrets
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentos.agents.definition import AgentRequest, McpServer
from agentos.errors import ConfigInvalid
from agentos.sessions.model_route import routed

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from agentos.agents.machine import AgentMachine
    from agentos.sessions.tools.calls import ToolCalls
    from agentos.sessions.tools.tool import Tool

TOOLS = "tools.agentos.internal"
SERVER = "agentos-tools"
_PROFILES = (".bash_profile", ".bash_login", ".profile")
_PROFILE = """\
if [ -d "$HOME/.local/bin" ] ; then
    PATH="$HOME/.local/bin:$PATH"
fi
"""
_COMMAND = Path(__file__).with_name("agentos-tools")
#: Seconds that an agent waits longer than the tool may take, so that the tool's end is told.
_MARGIN = 10.0


@dataclass(frozen=True)
class ToolAccess:
    """How a session reaches its tools.

    Attributes:
        calls: What runs.
        server: The MCP server, for the agent.
        env: For the commands that the agent runs.
    """

    calls: ToolCalls
    server: McpServer
    env: Mapping[str, str] = field(repr=False)

    def added_to(self, request: AgentRequest) -> AgentRequest:
        """Offer the tools to an agent."""
        servers = {**request.mcp_servers, SERVER: self.server}
        return replace(request, mcp_servers=servers, command_env=self.env)


@asynccontextmanager
async def tool_access(
    machine: AgentMachine,
    tools: Iterable[Tool | Callable[..., Any]],
    request: AgentRequest,
) -> AsyncIterator[ToolAccess]:
    """Serve tools to one session.

    Raises:
        ConfigInvalid: A tool cannot be offered.
    """
    from agentos.sessions.tools.calls import ToolCalls
    from agentos.sessions.tools.signature import signatures_of

    if SERVER in request.mcp_servers:
        raise ConfigInvalid(
            f"mcp_servers= has a server {SERVER!r}, which is the name of that for tools=",
            hint="give it another name",
        )
    calls = ToolCalls(signatures_of(tools))
    token = secrets.token_urlsafe(32)
    patience = max(s.tool.timeout for s in calls.signatures.values()) + _MARGIN
    async with _listening(calls, token) as port, routed(machine, ("127.0.0.1", port), TOOLS) as url:
        headers = {"Authorization": f"Bearer {token}"}
        server = McpServer(url=f"{url}/mcp", headers=headers, timeout=patience)
        path = await _put_command(machine, request.env)
        yield ToolAccess(
            calls, server, {"AGENTOS_TOOLS_URL": url, "AGENTOS_TOOLS_TOKEN": token, "PATH": path}
        )


@asynccontextmanager
async def _listening(calls: ToolCalls, token: str) -> AsyncIterator[int]:
    from agentos.models.listener import Listener
    from agentos.sessions.tools.endpoint import ToolsEndpoint

    mcp, stop = asyncio.get_running_loop().create_future(), asyncio.Event()
    serving = asyncio.create_task(_serve(calls, mcp, stop), name="agentos tools")
    try:
        await asyncio.wait({serving, mcp}, return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            serving.result()
        listener = Listener(ToolsEndpoint(calls, mcp.result(), token))
        try:
            yield await listener.start()
        finally:
            await calls.close()
            await listener.close()
    finally:
        stop.set()
        await asyncio.wait({serving})


async def _serve(calls: ToolCalls, mcp: asyncio.Future[ASGIApp], stop: asyncio.Event) -> None:
    """Hold the SDK's task group in one task, whichever one ends the session."""
    # It takes a second, in which other sessions go on.
    await asyncio.to_thread(importlib.import_module, "agentos.sessions.tools.server")
    from agentos.sessions.tools.server import mcp_app

    async with mcp_app(calls) as app:
        mcp.set_result(app)
        await stop.wait()


async def _put_command(machine: AgentMachine, env: Mapping[str, str]) -> str:
    """Put `agentos-tools` into the machine; return the PATH that finds it."""
    environment = machine.environment(env)
    place = f"{environment['HOME']}/.local/bin"
    path, program = f"{place}/{_COMMAND.name}", await asyncio.to_thread(_COMMAND.read_bytes)
    await machine.mkdir(place, parents=True)
    fresh = f"{path}.{secrets.token_hex(8)}"  # another session may be about to run the one there
    await machine.write_file(fresh, program, mode=0o755)
    await machine.move(fresh, path)
    await _keep_in_path(machine, environment["HOME"])
    return f"{place}:{environment['PATH']}"


async def _keep_in_path(machine: AgentMachine, home: str) -> None:
    """Let login shells find what is in `~/.local/bin`: /etc/profile sets a PATH of its own.

    A profile that is there is somebody's and stays as it is; Debian's has these lines.
    """
    there = [await machine.exists(f"{home}/{name}") for name in _PROFILES]
    if not any(there):
        await machine.write_file(f"{home}/.profile", _PROFILE.encode())
