"""An agent that tells what no agent should: whoever reads it goes on, and nobody is deceived."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from agentos.cli.render import TextRenderer
from agentos.hub.sessions.feed import worded
from agentos.hub.sessions.progress import Progress
from agentos.sessions.create import resume_session
from agentos.sessions.transcripts.export import as_markdown
from agentos.sessions.transcripts.keeper import open_transcripts
from agentos.sessions.transport import MOST_LEVELS
from agentos.testing.scripted_agent import ScriptedAgent

from .conftest import history

if TYPE_CHECKING:
    from agentos.testing.host_machine import HostMachine

    from .conftest import Scripted

CHUNK = "agent_message_chunk"


def nested(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


STRANGE: list[dict[str, Any]] = [
    {"sessionUpdate": CHUNK, "content": "words"},
    {"sessionUpdate": CHUNK, "content": [{"type": "text", "text": "words"}]},
    {"sessionUpdate": CHUNK, "content": {"type": "text", "text": 7}},
    {"sessionUpdate": CHUNK},
    {"sessionUpdate": CHUNK, "content": {"type": "text", "text": "a\0b"}},
    {"sessionUpdate": "turn_started"},
    {"sessionUpdate": "turn_started", "turn": "x", "prompt": 5},
    {"sessionUpdate": "turn_started", "turn": 77, "prompt": [], "idempotency_key": []},
    {"sessionUpdate": "turn_ended", "turn": 1, "error": None, "stop_reason": "end_turn"},
    {"sessionUpdate": "turn_ended"},
    {"sessionUpdate": "permission_requested", "request_id": []},
    {"sessionUpdate": "permission_requested"},
    {"sessionUpdate": "permission_resolved"},
    {"sessionUpdate": "agent_started", "resumed": {}},
    {"sessionUpdate": "agent_exited"},
    {"sessionUpdate": "warning"},
    {"sessionUpdate": "session_info_update", "title": {"a": 1}},
    {"sessionUpdate": "session_info_update", "title": "x\0y"},
    {"sessionUpdate": "x" * 1000},
    {"sessionUpdate": ["list"]},
    {"sessionUpdate": "a\0b"},
    {"sessionUpdate": "config_option_update", "configOptions": 5},
    {"sessionUpdate": "config_option_update", "configOptions": ["a", {"id": []}]},
    {"sessionUpdate": "tool_call", "edits": 5, "command": 7, "full_output": [], "exit_code": {}},
    {"sessionUpdate": "tool_call", "toolCallId": [], "title": []},
    {"sessionUpdate": "tool_call", "toolCallId": {"a": 1}, "rawInput": {"command": {}}},
    {"sessionUpdate": "tool_call", "toolCallId": "t", "content": [{"type": "diff", "path": 7}]},
    {
        "sessionUpdate": "tool_call_update",
        "toolCallId": "t",
        "content": [{"type": "diff", "path": None, "oldText": 7, "newText": []}],
        "_meta": {"terminal_output_delta": {"data": 9}, "terminal_exit": {"exit_code": "x"}},
        "rawOutput": {"aggregated_output": {"a": 1}},
    },
    {"sessionUpdate": "plan", "entries": 5},
    {"sessionUpdate": "usage_update", "used": []},
    {"sessionUpdate": "new_in_acp", "deep": nested(90)},
]


async def test_a_session_goes_on_and_can_be_read(scripted: Scripted, machine: HostMachine) -> None:
    steps = [step for update in STRANGE for step in ({"update": update}, {"say": "one "})]
    async with scripted(steps, [{"say": "two"}]) as session:
        first = session.prompt("go")
        seen = [event async for event in first]
        assert seen[-1].data["stop_reason"] == "end_turn"
        assert (await first).text.count("one") == len(STRANGE)
        assert (await session.prompt("go on")).text == "two"
        assert list(session.options) == []
    events = await history(session)
    assert [e.data["turn"] for e in events if e.type == "turn_started"] == [1, 2]
    assert [e for e in events if e.type == "warning" and "update that is none" in str(e.data)]
    progress, shown = Progress(), TextRenderer(Console(file=io.StringIO()))
    for event in events:
        progress.note(event)
        shown.event(event)
        assert worded(event)
    assert (progress.turns, progress.ended, progress.permissions) == (2, 2, {})
    async with open_transcripts() as transcripts:
        record = await transcripts.get(session.id)
        text = "".join([part async for part in as_markdown(record, transcripts.read(session.id))])
        assert "one" in text
        found = await transcripts.search("two", limit=1000)
        assert session.id in {hit.session_id for hit in found}
    agent = ScriptedAgent([[{"say": "three"}]])
    async with await resume_session(machine, session.id, agent=agent) as again:
        assert (await again.prompt("and?")).text == "three"


@pytest.mark.parametrize("levels", [MOST_LEVELS, 700])
async def test_a_message_of_too_many_levels_is_skipped(scripted: Scripted, levels: int) -> None:
    update = {"sessionUpdate": "new_in_acp", "deep": nested(levels)}
    async with scripted([{"update": update}, {"say": "one"}]) as session:
        result = await session.prompt("go")
    assert result.text == "one"
    assert [e.type for e in result.events][1:] == ["warning", "agent_message_chunk", "turn_ended"]
