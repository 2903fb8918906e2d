"""`agentos mcp`: a client never sees a dead server."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from pathlib import Path

from tests.hub.bridge.conftest import AGENTOS, Bridges, Setup, text_of
from tests.hub.lifecycle.test_server import self_signed


async def test_starts_the_hub_that_is_down(setup: Setup, bridge: Bridges) -> None:
    async with bridge() as client:
        said = await client.hello()
        assert said["serverInfo"]["name"] == "agentos"
        assert "Ada likes tea." in text_of(
            await client.call("read_portfolio_file", name="identity")
        )
    assert setup.running is not None
    assert "The hub runs" in setup.agentos("status")


async def test_finds_the_hub_that_runs(setup: Setup, bridge: Bridges) -> None:
    setup.agentos("up")
    before = setup.running
    async with bridge() as one, bridge() as other:
        for client in (one, other):
            await client.hello()
            assert len((await client.ask("tools/list"))["result"]["tools"]) == 17
    assert setup.running == before


async def test_goes_on_when_the_hub_is_killed_and_started_again(
    setup: Setup, bridge: Bridges
) -> None:
    async with bridge() as client:
        await client.hello()
        await client.call("read_portfolio_file", name="identity")
        assert setup.running is not None
        first = setup.running["pid"]
        setup.kill_hub()
        assert "Ada" in text_of(await client.call("read_portfolio_file", name="identity"))
        assert setup.running["pid"] != first
        setup.agentos("restart")
        assert "Ada" in text_of(await client.call("read_portfolio_file", name="identity"))


async def test_reads_the_token_anew_when_it_was_rotated(setup: Setup, bridge: Bridges) -> None:
    async with bridge() as client:
        await client.hello()
        setup.agentos("token", "rotate")
        assert "Ada" in text_of(await client.call("read_portfolio_file", name="identity"))


async def test_without_a_hub_the_portfolio_comes_from_disk_and_says_so(
    setup: Setup, bridge: Bridges
) -> None:
    setup.agentos("token", "show")
    (setup.state / "token").chmod(0o644)
    async with bridge() as client:
        await client.hello()
        assert len((await client.ask("tools/list"))["result"]["tools"]) == 17
        read = await client.call("read_portfolio_file", name="identity")
        assert "Ada likes tea." in text_of(read)
        assert "Read from disk" in text_of(read)
        assert "Read from disk" in read["structuredContent"]["note"]
        listed = (await client.ask("resources/list"))["result"]["resources"]
        assert [each["uri"] for each in listed] == ["portfolio://identity"]
        refused = await client.call("agentOS_fs_list")
        assert refused["isError"]
        assert json.loads(text_of(refused))["error"] == "hub_unavailable"
        assert "token" in text_of(refused)
        (setup.state / "token").chmod(0o600)
        async with asyncio.timeout(60):
            while "Read from disk" in text_of(await client.call("list_portfolio_files")):
                pass  # it does not try to start the hub for each call
    assert setup.running is not None


async def test_a_call_whose_hub_dies_is_made_again_where_that_is_safe(
    setup: Setup, bridge: Bridges
) -> None:
    script = "echo began >> began; until test -e gate; do sleep 0.05; done; echo done"
    command = f'command = ["sh", "-c", "{script}"]'
    action = f'[[actions]]\nname = "compile"\ndirectory = "{setup.home}"\n{command}\n'
    setup.configure("port = 0", action)
    async with bridge() as client:
        await client.hello()
        await client.send("tools/call", {"name": "agentOS_ext_compile", "arguments": {}}, id=100)
        async with asyncio.timeout(60):
            while not (setup.home / "began").exists():
                await asyncio.sleep(0.02)
        setup.kill_hub()
        async with asyncio.timeout(60):
            while (setup.home / "began").read_text() != "began\nbegan\n":
                await asyncio.sleep(0.02)
        (setup.home / "gate").touch()
        while (message := await client.next()).get("id") != 100:
            pass
        assert "done" in text_of(message["result"])


async def test_news_of_the_portfolio_reach_the_client_across_a_restart(
    setup: Setup, bridge: Bridges
) -> None:
    async with bridge() as client:
        await client.hello()
        answer = await client.ask("resources/subscribe", {"uri": "portfolio://identity"})
        assert answer["result"] == {}
        setup.kill_hub()
        await client.call("list_portfolio_files")  # which starts it again
        await client.hear("notifications/resources/list_changed")
        await client.hear("notifications/resources/updated")
        (setup.pages / "identity.md").write_text("# Identity\n\nBob.\n")
        changed = await client.hear("notifications/resources/updated")
        assert changed["params"]["uri"] == "portfolio://identity"


async def test_the_current_protocol_passes_through(setup: Setup, bridge: Bridges) -> None:
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "tester", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    async with bridge() as client:
        found = await client.ask("server/discover", {"_meta": meta})
        assert "2026-07-28" in found["result"]["supportedVersions"]
        read = {"name": "read_portfolio_file", "arguments": {"name": "identity"}, "_meta": meta}
        assert "Ada" in text_of((await client.ask("tools/call", read))["result"])
        wanted = {"notifications": {"resourcesListChanged": True}, "_meta": meta}
        await client.send("subscriptions/listen", wanted, id=50)
        await client.hear("notifications/subscriptions/acknowledged")
        (setup.pages / "goals.md").write_text("# Goals\n")
        await client.hear("notifications/resources/list_changed")
        setup.kill_hub()
        while (over := await client.next()).get("id") != 50:
            pass
        assert over["result"]["_meta"] == {"io.modelcontextprotocol/subscriptionId": 50}


async def test_the_sdks_own_client_sees_what_it_sees_over_http(setup: Setup) -> None:
    from mcp import Client, StdioServerParameters

    program, *words = (*AGENTOS, "mcp")
    bridge = StdioServerParameters(command=program, args=words, env=setup.env)
    async with Client(bridge) as client:
        assert len((await client.list_tools()).tools) == 17
        read = await client.call_tool("read_portfolio_file", {"name": "identity"})
    assert read.structured_content is not None
    assert "Ada likes tea." in read.structured_content["text"]


async def test_what_is_no_message_is_an_error_and_not_the_end(bridge: Bridges) -> None:
    async with bridge() as client:
        assert client.process.stdin is not None
        client.process.stdin.write(b"hello?\n[]\n\n")
        assert (await client.next())["error"]["code"] == -32700
        assert (await client.next())["error"]["code"] == -32700
        await client.hello()


async def test_a_hub_with_tls_is_trusted_by_its_own_certificate(
    setup: Setup, bridge: Bridges, tmp_path: Path
) -> None:
    certificate, key = self_signed(tmp_path)
    tls = f'[hub.tls]\ncertificate = "{certificate}"\nkey = "{key}"\n'
    setup.configure("port = 0", tls)
    async with bridge() as client:
        await client.hello()
        assert "Ada" in text_of(await client.call("read_portfolio_file", name="identity"))
    assert setup.running is not None
    assert setup.running["url"].startswith("https://")


async def test_progress_passes_through(setup: Setup, bridge: Bridges) -> None:
    action = f'[[actions]]\nname = "compile"\ndirectory = "{setup.home}"\n'
    setup.configure("port = 0", action + 'command = ["sh", "-c", "echo one; echo two"]\n')
    wanted = {"name": "agentOS_ext_compile", "arguments": {}, "_meta": {"progressToken": "p"}}
    async with bridge() as client:
        await client.hello()
        result = (await client.ask("tools/call", wanted))["result"]
    told = [m["params"] for m in client.heard if m["method"] == "notifications/progress"]
    assert [each["message"] for each in told] == ["one", "two"]
    assert {each["progressToken"] for each in told} == {"p"}
    assert result["structuredContent"]["ok"] is True


async def test_cancelling_ends_the_call_in_the_hub(setup: Setup, bridge: Bridges) -> None:
    script = "echo $$ > pid; exec sleep 87654"
    action = f'[[actions]]\nname = "compile"\ndirectory = "{setup.home}"\n'
    setup.configure("port = 0", action + f'command = ["sh", "-c", "{script}"]\n')
    pid = setup.home / "pid"
    async with bridge() as client:
        await client.hello()
        await client.send("tools/call", {"name": "agentOS_ext_compile", "arguments": {}}, id=9)
        async with asyncio.timeout(60):
            while not (pid.exists() and pid.read_text().strip()):
                await asyncio.sleep(0.02)
            await client.send("notifications/cancelled", {"requestId": 9})
            while os.path.exists(f"/proc/{pid.read_text().strip()}"):
                await asyncio.sleep(0.02)
        await client.call("list_portfolio_files")


def test_the_end_of_stdin_ends_it_and_stdout_holds_nothing_but_messages(setup: Setup) -> None:
    hello = {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "x", "version": "1"},
    }
    lines = [
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/list"},
    ]
    said = "".join(json.dumps(line) + "\n" for line in lines)
    ran = subprocess.run(
        [*AGENTOS, "mcp"], env=setup.env, input=said, capture_output=True, text=True, timeout=60
    )
    assert ran.returncode == 0
    assert [json.loads(line)["id"] for line in ran.stdout.splitlines()] == [1, 2]
    assert ran.stderr == ""


def test_it_imports_neither_the_sdk_nor_the_server(setup: Setup) -> None:
    program = (
        "import sys, agentos.hub.bridge.command; "
        "print([m for m in ('mcp', 'fastapi', 'pydantic', 'sqlalchemy') if m in sys.modules])"
    )
    ran = subprocess.run([AGENTOS[0], "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"
