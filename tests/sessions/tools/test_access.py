"""The way from a machine to a session's tools: its token, its command, its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest

from agentos.agents.definition import AgentRequest, McpServer
from agentos.errors import ConfigInvalid
from agentos.sessions.tools import Tool
from agentos.sessions.tools.access import SERVER, TOOLS, ToolAccess, tool_access
from agentos.sessions.tools.endpoint import MOST_REQUEST
from agentos.testing.host_machine import HostMachine


def greet(name: str, times: int = 1, loud: bool = False, to: list[str] | None = None) -> str:
    """Greet somebody.

    Args:
        name: Whom.
    """
    text = " ".join([f"hello {name}"] * times + (to or []))
    return text.upper() if loud else text


@asynccontextmanager
async def offered(
    machine: HostMachine, *tools: Tool | Callable[..., Any]
) -> AsyncIterator[tuple[ToolAccess, str]]:
    """Offer tools to a session on the host; yield also where they really listen."""
    async with tool_access(machine, tools, AgentRequest()) as access:
        ((_, port),) = machine.network.routes.values()
        yield access, f"http://127.0.0.1:{port}"
    assert machine.network.routes == {}


async def command(machine: HostMachine, access: ToolAccess, url: str, *argv: str) -> Any:
    env = {**access.env, "AGENTOS_TOOLS_URL": url}
    running = await asyncio.create_subprocess_exec(
        machine.home / ".local/bin/agentos-tools", *argv, env=env, stdout=-1, stderr=-1
    )
    stdout, stderr = await running.communicate()
    return running.returncode, stdout.decode(), stderr.decode()


@pytest.mark.parametrize(
    ("argv", "answer"),
    [
        (["--name", "Ada"], "hello Ada"),
        (["--name=Ada", "--times", "2"], "hello Ada hello Ada"),
        (["--name", "Ada", "--loud"], "HELLO ADA"),
        (["--loud", "false", "--name", "1"], "hello 1"),
        (["--name", "a", "--to", "b", "--to", "c"], "hello a b c"),
        (["--name", "a", "--to", '["b", "c"]'], "hello a b c"),
        (["--name", "\N{SNOWMAN} 'x'\n\"y\""], "hello \N{SNOWMAN} 'x'\n\"y\""),
        (["--name", ""], "hello "),
    ],
)
async def test_command_line(machine: HostMachine, argv: list[str], answer: str) -> None:
    async with offered(machine, greet) as (access, url):
        assert await command(machine, access, url, "greet", *argv) == (0, f"{answer}\n", "")


async def test_command_line_explains_itself(machine: HostMachine) -> None:
    async with offered(machine, greet) as (access, url):
        code, overview, _ = await command(machine, access, url)
        assert (code, "greet Greet somebody." in overview) == (0, True)
        code, help, _ = await command(machine, access, url, "greet", "--help")
        assert code == 0
        assert "--name  string, required  Whom." in help
        assert "--times  integer, default 1" in help


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["nobody"], "tool_unknown"),
        (["greet"], "name: Field required"),
        (["greet", "Ada"], "pairs, not 'Ada'"),
        (["greet", "--name", "a", "--times", "x"], "times: Input should be"),
        (["greet", "--nam", "a"], "nam: Extra inputs"),
    ],
)
async def test_command_line_that_is_wrong(
    machine: HostMachine, argv: list[str], words: str
) -> None:
    async with offered(machine, greet) as (access, url):
        code, stdout, stderr = await command(machine, access, url, *argv)
    assert (code, stdout) == (1, "")
    assert words in stderr


async def test_command_line_after_the_session(machine: HostMachine) -> None:
    async with offered(machine, greet) as (access, url):
        pass
    code, _, stderr = await command(machine, access, url, "greet", "--name", "Ada")
    assert (code, "has the session ended?" in stderr) == (2, True)


async def test_command_that_is_killed_cancels_its_tool(machine: HostMachine) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def waits() -> None:
        try:
            begun.set()
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with offered(machine, waits) as (access, url):
        env = {**access.env, "AGENTOS_TOOLS_URL": url}
        program = machine.home / ".local/bin/agentos-tools"
        running = await asyncio.create_subprocess_exec(program, "waits", env=env)
        await begun.wait()
        running.kill()
        await running.wait()
        await ended.wait()


@pytest.mark.parametrize("path", ["/mcp", "/call", "/"])
@pytest.mark.parametrize("token", [None, "Bearer", "Bearer guessed", "Basic eDp5", "B\xe9arer"])
async def test_nobody_without_the_token(machine: HostMachine, path: str, token: str | None) -> None:
    async with offered(machine, greet) as (_, url), httpx2.AsyncClient() as client:
        headers = {} if token is None else {b"authorization": token.encode("latin-1")}
        answer = await client.post(f"{url}{path}", content=b"greet\0", headers=headers)
    assert answer.status_code == 401


async def test_requests_that_are_none(machine: HostMachine) -> None:
    async with offered(machine, greet) as (access, url), httpx2.AsyncClient() as client:
        client.headers.update(access.server.headers)
        assert (await client.get(f"{url}/mcp")).status_code == 405
        assert (await client.post(f"{url}/else")).status_code == 405
        long = await client.post(f"{url}/call", content=b"x" * (MOST_REQUEST + 1))
        assert long.status_code == 413
        garbage = await client.post(f"{url}/mcp", content=b"{", headers=_MCP)
        assert garbage.status_code == 400


_MCP = {"content-type": "application/json", "accept": "application/json, text/event-stream"}


async def test_mcp_lists_and_calls(machine: HostMachine) -> None:
    async with offered(machine, greet) as (access, url), httpx2.AsyncClient() as client:
        client.headers.update({**access.server.headers, **_MCP})

        async def ask(method: str, **params: Any) -> Any:
            asked = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
            return (await client.post(f"{url}/mcp", json=asked)).json()["result"]

        (tool,) = (await ask("tools/list"))["tools"]
        assert (tool["name"], tool["inputSchema"]["required"]) == ("greet", ["name"])
        good = await ask("tools/call", name="greet", arguments={"name": "Ada"})
        assert good["content"] == [{"type": "text", "text": "hello Ada"}]
        bad = await ask("tools/call", name="greet", arguments={})
        assert bad["isError"]
        assert bad["content"][0]["text"].startswith("tool_arguments_invalid")


async def test_two_sessions_get_two_ports(machine: HostMachine) -> None:
    first = tool_access(machine, [greet], AgentRequest())
    second = tool_access(machine, [greet], AgentRequest())
    async with first as one, second as two:
        assert (one.server.url, two.server.url) == (f"http://{TOOLS}/mcp", f"http://{TOOLS}:81/mcp")
        assert one.env["AGENTOS_TOOLS_TOKEN"] != two.env["AGENTOS_TOOLS_TOKEN"]
        assert one.env["AGENTOS_TOOLS_TOKEN"] not in repr(one)


async def test_a_command_that_was_tampered_with_is_replaced(machine: HostMachine) -> None:
    place = machine.home / ".local/bin"
    place.mkdir(parents=True)
    (machine.home / "other").write_text("not mine")
    (place / "agentos-tools").symlink_to(machine.home / "other")
    async with offered(machine, greet) as (access, url):
        assert (await command(machine, access, url, "greet", "--name", "Ada"))[0] == 0
        assert [path.name for path in place.iterdir()] == ["agentos-tools"]
    assert (machine.home / "other").read_text() == "not mine"


async def test_a_profile_that_is_there_stays(machine: HostMachine) -> None:
    (machine.home / ".bash_login").write_text("mine")
    async with offered(machine, greet):
        assert not (machine.home / ".profile").exists()
    (machine.home / ".bash_login").unlink()
    async with offered(machine, greet):
        assert ".local/bin" in (machine.home / ".profile").read_text()


async def test_the_name_of_the_server_is_taken(machine: HostMachine) -> None:
    request = AgentRequest(mcp_servers={SERVER: McpServer(command="other")})
    with pytest.raises(ConfigInvalid, match="is the name of that for tools="):
        async with tool_access(machine, [greet], request):
            pass
    assert machine.network.routes == {}
