"""A session of the real Codex in a real hub, watched and steered from the screen."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from tests.hub.sessions.conftest import Open, Sessions

from agentos.cli.top import snapshot
from agentos.cli.top.from_hub import open_hub
from agentos.cli.top.source import Source
from agentos.cli.top.watch import read_once
from agentos.models.rehearsal import Step

from .conftest import Look


def connector_of(hub: Sessions) -> Callable[[], AbstractAsyncContextManager[Source]]:
    """What finds a hub inside the test."""

    @asynccontextmanager
    async def connect() -> AsyncIterator[Source]:
        async with open_hub(hub.hub.running, hub.hub.hub.state) as source:
            yield source

    return connect


async def test_codex_is_prompted_watched_and_answered(sessions: Open, look: Look) -> None:
    steps = Step(run="touch made"), Step(say="All is made.")
    async with sessions(*steps) as hub, look(connector_of(hub)) as seen:
        await seen.until("AgentOS hub http://127.0.0.1", "No session yet")
        begun = await hub.begin()
        await seen.until("idle", "codex", "gpt-5.5", "1 live")
        await seen.press("p")
        await seen.until("Tell ")
        await seen.press(*"Make it.", "enter")
        await seen.until("waiting", "2 Approvals (1)")
        await seen.press("2")
        await seen.until("$ touch made")
        await seen.press("y")
        await seen.until("Nothing waits for an answer.")
        await seen.press("1")
        await seen.until("All is made.", "idle")
        await seen.press("enter")
        await seen.until("> Make it.", "touch made", "exit 0", "All is made.")
        diff = await hub.said("GET", f"/sessions/{begun['id']}/diff")
        assert [change["path"] for change in diff["changes"]] == ["made"]
        await seen.press("escape", "4")
        await seen.until("POST")
        assert "GET /api/v1/usage" not in seen.text  # what it asks itself is not shown


async def test_running_turn_is_cancelled(sessions: Open, look: Look) -> None:
    async with sessions(Step(run="sleep 1000")) as hub, look(connector_of(hub)) as seen:
        begun = await hub.begin(permission="allow")
        await hub.said("POST", f"/sessions/{begun['id']}/prompts", {"text": "Sleep."})
        await seen.until("running", "1 live")
        await seen.press("enter")
        await seen.until("$ sleep 1000")
        await seen.press("c")
        await seen.until("Cancel the turn of")
        await seen.press("1")
        await seen.until("The turn ended: cancelled.")
        await seen.press("escape")
        await seen.until("idle")


async def test_snapshot_of_a_live_session(sessions: Open) -> None:
    async with sessions(Step(run="touch made")) as hub:
        begun = await hub.begin()
        await hub.said("POST", f"/sessions/{begun['id']}/prompts", {"text": "Make it."})
        await hub.until(begun["id"], "waiting")
        await hub.hub.hub.telemetry.flush()
        text = snapshot.as_text(await read_once(connector_of(hub), 20))
        for words in (begun["id"], "waiting", "$ touch made", "1 live", "POST"):
            assert words in text
