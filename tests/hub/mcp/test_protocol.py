"""The wire: every version of the protocol, sessions without state, progress, cancelling, news."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.hub.mcp.conftest import ERAS, Era, ListeningHub, StartHub, text_of

from agentos.hub.scopes import Scope
from agentos.hub.settings import Action, HubSettings

VERSIONS = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")


def _hello(version: str) -> dict[str, Any]:
    who = {"name": "codex-mcp-client", "version": "0.169.0"}
    params = {"protocolVersion": version, "capabilities": {}, "clientInfo": who}
    return {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}


def _call(name: str, id: int = 2, /, **arguments: object) -> dict[str, Any]:
    params = {"name": name, "arguments": arguments}
    return {"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params}


@pytest.mark.parametrize("version", VERSIONS)
async def test_earlier_versions_are_spoken(hub: ListeningHub, version: str) -> None:
    answer = (await hub.post(_hello(version))).json()["result"]
    assert answer["protocolVersion"] == version
    assert answer["capabilities"]["resources"] == {"subscribe": True, "listChanged": True}
    headers = {"mcp-protocol-version": version}
    called = await hub.post(_call("read_portfolio_file", name="identity"), headers)
    assert called.headers["content-type"] == "application/json"
    assert "Ada likes tea." in called.text


async def test_the_current_version_needs_no_handshake(hub: ListeningHub) -> None:
    async with hub.client("2026-07-28") as client:
        assert "tea" in text_of(await client.call_tool("search_portfolio", {"query": "tea"}))


async def test_a_version_of_the_future_is_answered_with_one_that_is_known(
    hub: ListeningHub,
) -> None:
    answer = (await hub.post(_hello("2031-01-01"))).json()["result"]
    assert answer["protocolVersion"] in VERSIONS


async def test_a_session_id_names_the_client_and_outlives_the_hub(hub: ListeningHub) -> None:
    session = (await hub.post(_hello("2025-06-18"))).headers["mcp-session-id"]
    assert session.startswith("codex-mcp-client/0.169.0~")
    # What a hub before this one gave out is as good: nothing is kept of it.
    headers = {"mcp-session-id": "claude-code/2.1~00", "mcp-protocol-version": "2025-06-18"}
    assert (await hub.post(_call("list_portfolio_files"), headers)).status_code == 200
    [called] = [e for e in hub.hub.telemetry.recent() if e.kind == "tool"]
    assert called.client == "claude"


async def test_a_client_cannot_end_what_it_did_not_begin(hub: ListeningHub) -> None:
    headers = {"authorization": f"Bearer {hub.hub.tokens.user()}", "mcp-session-id": "x~1"}
    async with httpx2.AsyncClient() as http:
        assert (await http.delete(hub.url, headers=headers)).status_code == 405


async def test_a_message_that_is_none_is_an_error(hub: ListeningHub) -> None:
    answer = await hub.post({"no": "message"})
    assert answer.status_code == 400
    assert "error" in answer.json()


@pytest.fixture
async def busy(tmp_path: Path, start_hub: StartHub) -> AsyncIterator[ListeningHub]:
    """A hub with an action that tells three lines and then takes its time."""
    script = "echo one; echo two; echo three; test -e fast || { echo $$ > pid; exec sleep 9999; }"
    actions = (Action("compile", tmp_path, ("sh", "-c", script)),)
    async with start_hub(HubSettings(actions=actions)) as started:
        yield started


@pytest.mark.parametrize("era", ERAS)
async def test_progress_of_an_action_is_told_as_it_comes(
    busy: ListeningHub, era: Era, tmp_path: Path
) -> None:
    told: list[str | None] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        told.append(message)

    (tmp_path / "fast").touch()
    async with busy.client(era) as client:
        result = await client.call_tool("agentOS_ext_compile", {}, progress_callback=hear)
    assert not result.is_error
    assert told == ["one", "two", "three"]
    assert "three" in text_of(result)


def _runs(place: Path) -> bool:
    """Whether the action runs, which has written its process id down."""
    pid = place / "pid"
    return pid.exists() and bool(said := pid.read_text().strip()) and Path(f"/proc/{said}").exists()


async def _until_runs(place: Path, there: bool) -> None:
    async with asyncio.timeout(30):
        while _runs(place) is not there:
            await asyncio.sleep(0.02)


async def test_hanging_up_ends_the_call(busy: ListeningHub, tmp_path: Path) -> None:
    calling = asyncio.create_task(busy.post(_call("agentOS_ext_compile")))
    await _until_runs(tmp_path, True)
    calling.cancel()
    await _until_runs(tmp_path, False)


async def test_a_cancelled_notification_of_the_same_session_ends_the_call(
    busy: ListeningHub, tmp_path: Path
) -> None:
    headers = {"mcp-session-id": "codex~1", "mcp-protocol-version": "2025-06-18"}
    calling = asyncio.create_task(busy.post(_call("agentOS_ext_compile", 7), headers))
    await _until_runs(tmp_path, True)
    cancelled = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 7}}
    stranger = {**headers, "mcp-session-id": "codex~2"}
    assert (await busy.post(cancelled, stranger)).status_code == 202
    token = busy.token(Scope.EXT_RUN)
    assert (await busy.post(cancelled, headers, token)).status_code == 202
    assert _runs(tmp_path)
    await busy.post(cancelled, headers)
    await _until_runs(tmp_path, False)
    assert "cancelled" in (await calling).text


@asynccontextmanager
async def _stream(hub: ListeningHub, session: str) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
    headers = {
        "authorization": f"Bearer {hub.hub.tokens.user()}",
        "accept": "text/event-stream",
        "mcp-session-id": session,
    }
    async with (
        httpx2.AsyncClient(timeout=60) as http,
        http.stream("GET", hub.url, headers=headers) as answer,
    ):
        lines = answer.aiter_lines()
        assert await anext(lines) == ": listening"

        async def messages() -> AsyncIterator[dict[str, Any]]:
            async for line in lines:
                if line.startswith("data: "):
                    yield json.loads(line[6:])

        yield messages()


async def test_an_earlier_client_hears_of_changes_on_a_stream(hub: ListeningHub) -> None:
    session = (await hub.post(_hello("2025-06-18"))).headers["mcp-session-id"]
    headers = {"mcp-session-id": session, "mcp-protocol-version": "2025-06-18"}
    wanted = {"uri": "portfolio://identity"}
    asked = {"jsonrpc": "2.0", "id": 2, "method": "resources/subscribe", "params": wanted}
    assert (await hub.post(asked, headers)).json()["result"] == {}
    async with _stream(hub, session) as messages:
        (hub.pages / "identity.md").write_text("# Identity\n\nBob.\n")
        changed = await anext(messages)
        assert changed["method"] == "notifications/resources/updated"
        assert changed["params"]["uri"] == "portfolio://identity"
        (hub.pages / "goals.md").write_text("# Goals\n")
        assert (await anext(messages))["method"] == "notifications/resources/list_changed"


async def test_a_current_client_hears_of_changes_it_asked_for(hub: ListeningHub) -> None:
    async with (
        hub.client("2026-07-28") as client,
        client.listen(
            resources_list_changed=True, resource_subscriptions=["portfolio://identity"]
        ) as events,
    ):
        (hub.pages / "identity.md").write_text("# Identity\n\nBob.\n")
        event = await anext(aiter(events))
    assert "portfolio://identity" in str(event)


async def test_streams_end_when_the_hub_is_about_to(hub: ListeningHub) -> None:
    async with _stream(hub, "codex~1") as messages:
        hub.hub.closing.set()
        assert [message async for message in messages] == []


async def test_a_hub_that_is_about_to_end_begins_no_stream(hub: ListeningHub) -> None:
    async with _stream(hub, "codex~1") as messages:
        hub.hub.closing.set()
        assert [message async for message in messages] == []
    headers = {"authorization": f"Bearer {hub.hub.tokens.user()}", "accept": "text/event-stream"}
    async with httpx2.AsyncClient() as http:
        assert (await http.get(hub.url, headers=headers)).status_code == 503
    assert (await hub.post(_call("list_portfolio_files"))).status_code == 200
