"""Prompts, results and events."""

from __future__ import annotations

import asyncio
import gc
import sys
from typing import TYPE_CHECKING, Any

import pytest

from agentos.errors import AgentError, ModelFailed, SessionClosed
from agentos.sessions import SessionEvent, TurnUsage

from .conftest import history

if TYPE_CHECKING:
    from .conftest import Scripted


async def test_an_awaited_turn_says_what_the_agent_said(scripted: Scripted) -> None:
    async with scripted([{"say": "hel"}, {"say": "lo"}]) as session:
        result = await session.prompt("hi")
    assert result.text == "hello"
    assert result.stop_reason == "end_turn"
    assert result.usage == TurnUsage(15, 5, 2, 0, 17)


async def test_messages_are_parted_and_tool_calls_part_them(scripted: Scripted) -> None:
    def chunk(text: str, message: str) -> dict[str, Any]:
        content = {"type": "text", "text": text}
        update = {"sessionUpdate": "agent_message_chunk", "messageId": message, "content": content}
        return {"update": update}

    call = {"update": {"sessionUpdate": "tool_call", "toolCallId": "1", "title": "ls"}}
    turn = [chunk("one ", "a"), chunk("still one", "a"), chunk("two", "b"), call, chunk("3", "b")]
    async with scripted(turn) as session:
        result = await session.prompt("hi")
    assert result.text == "one still one\n\ntwo\n\n3"


async def test_events_are_numbered_without_holes_and_in_order(scripted: Scripted) -> None:
    async with scripted([{"say": str(n)} for n in range(200)]) as session:
        await session.prompt("count")
    events = await history(session)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert {event.session_id for event in events} == {session.id}
    types = [event.type for event in events]
    assert types == [
        "agent_started",
        "turn_started",
        *["agent_message_chunk"] * 200,
        "turn_ended",
        "agent_exited",
    ]
    said = [e.data["content"]["text"] for e in events if e.type == "agent_message_chunk"]
    assert said == [str(n) for n in range(200)]


async def test_a_turn_streams_its_own_events_only(scripted: Scripted) -> None:
    async with scripted([{"say": "first"}], [{"say": "second"}]) as session:
        first = session.prompt("1")
        second = session.prompt("2")  # queued while the first one runs
        streamed = [event async for event in second]
        assert [event.type for event in streamed] == [
            "turn_started",
            "agent_message_chunk",
            "turn_ended",
        ]
        assert streamed[0].data["prompt"] == [{"type": "text", "text": "2"}]
        assert (await first).text == "first"
        assert (await second).text == "second"
        assert (await second).events == streamed
    assert session.usage.total_tokens == 34


async def test_many_readers_see_the_same_events(scripted: Scripted) -> None:
    async with scripted([{"say": "a"}, {"say": "b"}]) as session:

        async def read(after: int) -> list[SessionEvent]:
            return [event async for event in session.events(after)]

        readers = [asyncio.create_task(read(after)) for after in (0, 0, 2)]
        await session.prompt("go")
        late = asyncio.create_task(read(0))
    everything = await history(session)
    assert await readers[0] == await readers[1] == await late == everything
    assert await readers[2] == everything[2:]


async def test_an_update_of_an_unknown_kind_becomes_an_event(scripted: Scripted) -> None:
    update = {"sessionUpdate": "telepathy", "strength": 7}
    async with scripted([{"update": update}, {"say": "ok"}]) as session:
        result = await session.prompt("go")
    assert [dict(e.data) for e in result.events if e.type == "telepathy"] == [{"strength": 7}]
    assert result.text == "ok"


async def test_garbage_on_stdout_becomes_a_warning(scripted: Scripted) -> None:
    garbage = ["not json", "[1, 2]", '{"id": {}, "result": 1}', '{"method": 5}', "\udcff\udc80"[:0]]
    async with scripted([*({"raw": line} for line in garbage), {"say": "ok"}]) as session:
        assert (await session.prompt("go")).text == "ok"
    warnings = [e.data["message"] for e in await history(session) if e.type == "warning"]
    assert len(warnings) == 4
    assert "not json" in warnings[0]


async def test_half_a_character_is_said_as_one_that_is_not_known(scripted: Scripted) -> None:
    async with scripted([{"say": "a\ud83d"}, {"say": "\udc00b \U0001f600"}]) as session:
        assert (await session.prompt("go \udcff")).text == "a??b \U0001f600"
    events = await history(session)
    said = [e.data["content"]["text"] for e in events if "content" in e.data]
    assert said == ["a?", "?b \U0001f600"]
    assert [e.data["prompt"][0]["text"] for e in events if "prompt" in e.data] == ["go ?"]


async def test_much_garbage_is_reported_briefly(scripted: Scripted) -> None:
    async with scripted([*[{"raw": "noise"}] * 500, {"say": "ok"}]) as session:
        assert (await session.prompt("go")).text == "ok"
    assert len([e for e in await history(session) if e.type == "warning"]) == 11


async def test_a_line_of_megabytes_arrives_whole(scripted: Scripted) -> None:
    async with scripted([{"say": ["x", 3 * 2**20]}]) as session:
        assert len((await session.prompt("go")).text) == 3 * 2**20


async def test_commands_and_edits_are_readable(scripted: Scripted) -> None:
    call = {
        "sessionUpdate": "tool_call",
        "toolCallId": "1",
        "kind": "execute",
        "rawInput": {"command": "ls", "cwd": "/"},
    }
    end = {
        "sessionUpdate": "tool_call_update",
        "toolCallId": "1",
        "_meta": {"terminal_output_delta": {"data": "etc\n"}, "terminal_exit": {"exit_code": 2}},
    }
    edit = {
        "sessionUpdate": "tool_call",
        "toolCallId": "2",
        "content": [
            {"type": "diff", "path": "/a", "oldText": "1", "newText": "2"},
            {
                "type": "diff",
                "path": "/b",
                "oldText": "b",
                "newText": "",
                "_meta": {"kind": "delete"},
            },
        ],
    }
    async with scripted([{"update": u} for u in (call, end, edit)]) as session:
        events = (await session.prompt("go")).events[1:-1]
    assert events[0].data["command"] == "ls"
    assert events[0].data["rawInput"] == {"command": "ls", "cwd": "/"}
    assert (events[1].data["output"], events[1].data["exit_code"]) == ("etc\n", 2)
    assert events[2].data["path"] == "/a"
    assert events[2].data["edits"][1] == {"path": "/b", "old_text": "b", "new_text": None}


async def test_a_refused_prompt_fails_the_turn_and_the_session_goes_on(scripted: Scripted) -> None:
    refusal = {"fail": {"code": -32603, "message": "out of cheese"}}
    async with scripted([refusal], [{"say": "better"}]) as session:
        turn = session.prompt("go")
        with pytest.raises(AgentError, match="out of cheese"):
            await turn
        stream = aiter(turn)
        last = [await anext(stream) for _ in range(2)][-1]
        with pytest.raises(AgentError, match="out of cheese"):
            await anext(stream)
        assert last.type == "turn_ended"
        assert "out of cheese" in last.data["error"]["message"]
        assert (await session.prompt("again")).text == "better"


async def test_refused_credentials_are_the_models_failure(scripted: Scripted) -> None:
    refusal = {"fail": {"code": -32000, "message": "Authentication required"}}
    async with scripted([refusal]) as session:
        with pytest.raises(ModelFailed, match="check the API key"):
            await session.prompt("go")


async def test_a_failed_turn_that_nobody_awaits_is_silent(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    complaints: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    monkeypatch.setattr(sys, "unraisablehook", complaints.append)
    async with scripted([{"fail": {"code": -32603, "message": "no"}}]) as session:
        session.prompt("one")
        session.prompt("two")
    await history(session)
    del session
    gc.collect()
    assert complaints == []


async def test_an_abandoned_await_leaves_the_turn_running(scripted: Scripted) -> None:
    async with scripted([{"permission": ["allow_once"]}], permission="ask") as session:
        turn = session.prompt("go")

        async def wait() -> None:
            await turn

        waiting = asyncio.create_task(wait())
        async for event in turn:
            if event.type == "permission_requested":
                waiting.cancel()
                await asyncio.wait({waiting})
                session.respond(event.data["request_id"], "allow_once")
        assert (await turn).text == "option-allow_once"


async def test_a_closed_session_takes_no_prompt(scripted: Scripted) -> None:
    async with scripted([{"say": "hi"}]) as session:
        pass
    with pytest.raises(SessionClosed):
        session.prompt("go")
