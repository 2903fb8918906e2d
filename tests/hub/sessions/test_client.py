"""The client that `agentos run` and `agentos top` use."""

from __future__ import annotations

from contextlib import aclosing
from pathlib import Path

import pytest
from pydantic import SecretStr
from tests.hub.sessions.conftest import Open, Sessions

from agentos.errors import AgentOsError
from agentos.hub.client import HubClient
from agentos.hub.errors import Refused
from agentos.hub.sessions.models import NewSession, SessionState
from agentos.models.rehearsal import Step
from agentos.sessions import SessionEvent


def client_of(hub: Sessions) -> HubClient:
    return HubClient(hub.hub.running, hub.hub.hub.state)


def wanted(hub: Sessions) -> NewSession:
    env = {name: SecretStr(value) for name, value in hub.env.items()}
    return NewSession(agent="codex", model="gpt-5.5", env=env)


async def test_a_session_is_begun_followed_answered_and_ended(sessions: Open) -> None:
    async with sessions(Step(run="touch made"), Step(say="Done.")) as hub, client_of(hub) as client:
        begun = await client.begin(wanted(hub))
        assert (await client.prompt(begun.id, "Go.")).turn == 1
        events: list[SessionEvent] = []
        async with aclosing(client.follow(begun.id)) as following:
            async for item in following:
                if isinstance(item, SessionState):
                    for permission in item.permissions:
                        assert permission.command == "touch made"
                        await client.answer(begun.id, permission.id, "allow_once")
                else:
                    events.append(item)
                    if item.type == "turn_ended":
                        break
        assert [event.seq for event in events] == list(range(1, len(events) + 1))
        assert [one.id for one in (await client.sessions(live=True)).sessions] == [begun.id]
        diff = await client.diff(begun.id)
        assert [(one.path, one.change) for one in diff.changes] == [("made", "added")]
        assert (await client.host()).live == 1
        assert (await client.end(begun.id)).state == "ended"
        assert (await client.sessions(live=True)).sessions == []


async def test_whatever_parts_lines_elsewhere_parts_no_event(sessions: Open) -> None:
    text = "one\u2028two\u2029three\x85four"
    async with sessions(Step(say=text)) as hub, client_of(hub) as client:
        begun = await client.begin(wanted(hub))
        await client.prompt(begun.id, text)
        asked, said = "", ""
        async with aclosing(client.follow(begun.id)) as following:
            async for item in following:
                if isinstance(item, SessionState):
                    continue
                if item.type == "turn_started":
                    asked = item.data["prompt"][0]["text"]
                if item.type == "agent_message_chunk":
                    said += item.data["content"]["text"]
                if item.type == "turn_ended":
                    break
        assert (asked, said) == (text, text)


async def test_without_a_token_nothing_is_asked(sessions: Open) -> None:
    async with sessions() as hub, client_of(hub) as client:
        (hub.hub.hub.state / "token").unlink()
        with pytest.raises(Refused, match="is not there any more") as refused:
            await client.sessions()
        assert refused.value.code == "token_file_missing"


async def test_news_tell_of_sessions_that_change(sessions: Open) -> None:
    async with sessions(Step(say="Done.")) as hub, client_of(hub) as client:
        seen = []
        async with aclosing(client.news()) as news:
            assert await anext(news) is None
            begun = await client.begin(wanted(hub))
            await client.prompt(begun.id, "Go.")
            async for item in news:
                if isinstance(item, SessionState):
                    seen.append(str(item.state))
                    if item.state == "idle" and item.turns == 1:
                        break
        assert seen[0] == "starting"
        assert "running" in seen


async def test_what_the_hub_refuses_is_an_error_of_its_code(sessions: Open) -> None:
    async with sessions() as hub, client_of(hub) as client:
        with pytest.raises(Refused, match="no session") as refused:
            await client.session("01a1")
        assert (refused.value.code, refused.value.status) == ("session_not_found", 404)


async def test_a_hub_that_is_not_there_is_said_so(sessions: Open, tmp_path: Path) -> None:
    async with sessions() as hub:
        client = client_of(hub)
    async with client:
        with pytest.raises(AgentOsError, match="does not answer") as silent:
            await client.sessions()
    assert silent.value.code == "hub_silent"
