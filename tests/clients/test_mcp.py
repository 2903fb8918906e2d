"""Codex calls the tools of real MCP servers: a child process and a remote URL."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.clients.conftest import until_running

from agentos import AgentOs, McpServer, NetworkPolicy, RehearsalModel, Scenario, Step
from agentos.models.rehearsal import McpCall, When

NOTES = (Path(__file__).parents[1] / "data" / "notes_stdio.py").read_text()
CONFIG = """\
[mcp_servers.team-notes]
{server}
required = true
"""


def _asks(expected: str) -> Scenario:
    call = McpCall(server="team-notes", tool="search_notes", arguments={"query": "beer"})
    return Scenario(steps=[Step(call=call), Step(when=When(output=expected), say="found")])


async def _finds(vm: AgentOs, agent: str, model: RehearsalModel, **settings: Any) -> None:
    session = await vm.create_session(agent, provider=model, **settings)
    assert (await session.prompt("look in the notes")).text.endswith("found")
    assert not model.mismatches


async def test_child_process_of_the_config(vm: AgentOs, agent: str) -> None:
    await vm.write_file("notes.py", NOTES)
    await vm.mkdir(".codex")
    server = 'command = "python3"\nargs = ["/home/agentos/notes.py"]\nenv = { OWNER = "Ada" }'
    await vm.write_file(".codex/config.toml", CONFIG.format(server=server))
    async with RehearsalModel(_asks("beer is in notes of Ada")) as model:
        await _finds(vm, agent, model)


async def test_child_process_of_the_call(vm: AgentOs, agent: str) -> None:
    await vm.write_file("notes.py", NOTES)
    server = McpServer(command="python3", args=["/home/agentos/notes.py"], env={"OWNER": "Bob"})
    async with RehearsalModel(_asks("beer is in notes of Bob")) as model:
        await _finds(vm, agent, model, mcp_servers={"team-notes": server})


async def test_cancel_spares_the_mcp_server(vm: AgentOs) -> None:
    await vm.write_file("notes.py", NOTES)
    server = McpServer(command="python3", args=["/home/agentos/notes.py"], env={"OWNER": "Eve"})
    call = McpCall(server="team-notes", tool="search_notes", arguments={"query": "tea"})
    steps = [
        Step(run="sleep 54324"),
        Step(call=call),
        Step(when=When(output="tea is in notes of Eve"), say="found"),
    ]
    async with RehearsalModel(Scenario(steps=steps)) as model:
        servers = {"team-notes": server}
        session = await vm.create_session("codex", provider=model, mcp_servers=servers)
        turn = session.prompt("go")
        await until_running(vm, "sleep", "54324")
        await session.cancel()
        assert (await turn).stop_reason == "cancelled"
        assert (await session.prompt("ask the notes")).text.endswith("found")


async def test_remote_url_with_headers(agent: str) -> None:
    async with _notes_server("secret-header") as port:
        policy = NetworkPolicy(allow=[f"host.agentos.internal:{port}"])
        url = f"http://host.agentos.internal:{port}/mcp"
        server = f'url = "{url}"\nhttp_headers = {{ "X-Team" = "secret-header" }}'
        async with AgentOs(network=policy) as vm:
            await vm.mkdir(".codex")
            await vm.write_file(".codex/config.toml", CONFIG.format(server=server))
            async with RehearsalModel(_asks("beer from the host")) as model:
                await _finds(vm, agent, model)


async def test_remote_url_of_the_call(agent: str) -> None:
    async with _notes_server("other-header") as port:
        policy = NetworkPolicy(allow=[f"host.agentos.internal:{port}"])
        url = f"http://host.agentos.internal:{port}/mcp"
        server = McpServer(url=url, headers={"X-Team": "other-header"})
        async with AgentOs(network=policy) as vm, RehearsalModel(_asks("beer from")) as model:
            await _finds(vm, agent, model, mcp_servers={"team-notes": server})


async def test_remote_url_that_the_policy_forbids_is_a_warning(vm: AgentOs) -> None:
    server = McpServer(url="https://mcp.example.com/mcp")
    async with RehearsalModel(Scenario(steps=[Step(say="ok")])) as model:
        servers = {"team-notes": server}
        session = await vm.create_session("codex", provider=model, mcp_servers=servers)
        await session.prompt("hi")
        await session.close()
        warnings = [e.data["message"] async for e in session.events() if e.type == "warning"]
    assert any("mcp.example.com:443" in text for text in warnings)


@asynccontextmanager
async def _notes_server(team: str) -> AsyncIterator[int]:
    """The official SDK's server over streamable HTTP on loopback; it wants a header."""
    import uvicorn
    from mcp.server import MCPServer
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import Receive, Scope, Send

    server = MCPServer("team-notes")

    @server.tool()
    def search_notes(query: str) -> str:
        """Search the team's notes."""
        return f"{query} from the host"

    inner = server.streamable_http_app(stateless_http=True, json_response=True)

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and Request(scope).headers.get("x-team") != team:
            await Response(status_code=401)(scope, receive, send)
            return
        scope = {**scope, "headers": [(k, v) for k, v in scope.get("headers", ()) if k != b"host"]}
        if scope["type"] == "http":
            scope["headers"].append((b"host", b"localhost:80"))
        await inner(scope, receive, send)

    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(guarded, log_level="error")
    running = _Quiet(config)
    task = asyncio.create_task(running.serve(sockets=[listener]))
    try:
        yield listener.getsockname()[1]
    finally:
        running.should_exit = True
        await task
        listener.close()


def _quiet_server() -> Any:
    import contextlib

    import uvicorn

    class Quiet(uvicorn.Server):
        """Leaves the signals of the test run alone."""

        @contextlib.contextmanager
        def capture_signals(self) -> Any:
            yield

    return Quiet


_Quiet = _quiet_server()
