"""Who answers an agent's permission requests."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from agentos.errors import AgentOsError, ConfigInvalid
from agentos.sessions import PermissionRules

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


async def test_rules_allow_reject_and_leave_to_the_caller(scripted: Scripted) -> None:
    def asking(command: str) -> list[Any]:
        call = {"kind": "execute", "rawInput": {"command": ["bash", "-lc", command]}}
        return [{"call": call}, *ASKING]

    rules = PermissionRules([("execute:git *", "allow"), ("execute:git push*", "reject")])
    turns = [asking("git log"), asking("git push -f"), asking("make")]
    async with scripted(*turns, permission=rules) as session:
        assert (await session.prompt("go")).text == "option-allow_once"
        assert (await session.prompt("go")).text == "option-reject_once"
        assert await asked(session, "allow_always") == "option-allow_always"


async def test_an_unanswered_request_is_rejected_in_time(scripted: Scripted) -> None:
    async with scripted(ASKING, permission="ask", permission_timeout=0.01) as session:
        result = await session.prompt("go")
        assert result.text == "option-reject_once"
        [resolved] = [e.data for e in result.events if e.type == "permission_resolved"]
        assert (resolved["option"], resolved["reason"]) == ("option-reject_once", "timeout")
        with pytest.raises(AgentOsError, match="answered or called off") as caught:
            session.respond(resolved["request_id"], "allow_once")
        assert caught.value.code == "permission_already_resolved"


async def test_a_function_that_takes_too_long(scripted: Scripted) -> None:
    async def answer(request: PermissionRequest) -> str:
        await asyncio.Event().wait()
        return "allow_once"

    async with scripted(ASKING, permission=answer, permission_timeout=0.01) as session:
        assert (await session.prompt("go")).text == "option-reject_once"


async def test_a_timeout_of_the_function_itself_is_its_error(scripted: Scripted) -> None:
    def answer(request: PermissionRequest) -> str:
        raise TimeoutError("nobody at the desk")

    async with scripted(ASKING, permission=answer, permission_timeout=60) as session:
        with pytest.raises(TimeoutError, match="nobody at the desk"):
            await session.prompt("go")


async def test_a_second_answer_is_refused(scripted: Scripted) -> None:
    async with scripted(ASKING, permission="ask") as session:
        turn = session.prompt("go")
        async for event in turn:
            if event.type == "permission_requested":
                session.respond(event.data["request_id"], "allow_once")
                with pytest.raises(AgentOsError) as caught:
                    session.respond(event.data["request_id"], "reject_once")
                assert caught.value.code == "permission_already_resolved"
        assert (await turn).text == "option-allow_once"


async def test_a_permission_timeout_that_is_none(scripted: Scripted) -> None:
    with pytest.raises(ConfigInvalid, match="permission_timeout=0"):
        async with scripted(ASKING, permission_timeout=0):
            pass
