"""Who answers an agent's permission requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from agentos.errors import AgentOsError

if TYPE_CHECKING:
    from agentos.sessions import PermissionRequest, Session

    from .conftest import Scripted

ASKING = [{"permission": ["reject_once", "allow_always", "allow_once"]}]


async def asked(session: Session, answer: str | None) -> str:
    turn = session.prompt("go")
    async for event in turn:
        if event.type == "permission_requested":
            session.respond(event.data["request_id"], answer)
    return (await turn).text


@pytest.mark.parametrize(
    ("policy", "chosen"), [("allow", "option-allow_once"), ("reject", "option-reject_once")]
)
async def test_a_fixed_policy_answers(scripted: Scripted, policy: str, chosen: str) -> None:
    async with scripted(ASKING, permission=policy) as session:
        result = await session.prompt("go")
    assert result.text == chosen
    events = {event.type: event.data for event in result.events}
    assert events["permission_requested"]["tool_call"]["title"] == "rm -rf build"
    assert events["permission_resolved"]["option"] == chosen


async def test_the_caller_answers_by_kind_or_id(scripted: Scripted) -> None:
    async with scripted(ASKING, permission="ask") as session:
        assert await asked(session, "allow_always") == "option-allow_always"
        assert await asked(session, "option-reject_once") == "option-reject_once"
        assert await asked(session, None) == "cancelled"


async def test_a_wrong_answer_is_refused_and_the_request_still_waits(scripted: Scripted) -> None:
    async with scripted(ASKING, permission="ask") as session:
        turn = session.prompt("go")
        async for event in turn:
            if event.type == "permission_requested":
                with pytest.raises(AgentOsError, match="option-allow_once"):
                    session.respond(event.data["request_id"], "perhaps")
                with pytest.raises(AgentOsError, match="no permission request"):
                    session.respond("permission-99", "allow_once")
                session.respond(event.data["request_id"], "allow_once")
        assert (await turn).text == "option-allow_once"


async def test_a_function_answers(scripted: Scripted) -> None:
    async def answer(request: PermissionRequest) -> str:
        assert request.tool_call["title"] == "rm -rf build"
        return "allow_always"

    async with scripted(ASKING, permission=answer) as session:
        assert (await session.prompt("go")).text == "option-allow_always"


async def test_an_error_of_the_function_is_the_turns(scripted: Scripted) -> None:
    def answer(request: PermissionRequest) -> str:
        raise LookupError("who am I to say")

    async with scripted(ASKING, permission=answer) as session:
        with pytest.raises(LookupError, match="who am I"):
            await session.prompt("go")


async def test_an_unknown_policy_is_refused(scripted: Scripted) -> None:
    with pytest.raises(AgentOsError, match="'maybe' is unknown"):
        async with scripted(ASKING, permission="maybe"):
            pass


async def test_cancelling_calls_a_request_off(scripted: Scripted) -> None:
    async with scripted([*ASKING, {"hang": 1}], permission="ask") as session:
        turn = session.prompt("go")
        async for event in turn:
            if event.type == "permission_requested":
                await session.cancel()
        assert (await turn).stop_reason == "cancelled"
        assert any(e.type == "permission_resolved" for e in (await turn).events)
