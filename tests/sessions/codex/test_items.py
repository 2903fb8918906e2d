"""Codex's items in ACP's words, as a reader of events sees them."""

from __future__ import annotations

from typing import Any

from agentos.sessions.codex.items import Items
from agentos.sessions.tool_calls import readable


class Heard:
    """What was told."""

    def __init__(self) -> None:
        self.updates: list[Any] = []
        self.items = Items(self.updates.append, self.read)

    async def read(self, path: str) -> str:
        return f"text of {path}"

    def texts(self, kind: str) -> str:
        return "".join(u["content"]["text"] for u in self.updates if u["sessionUpdate"] == kind)


def command(**more: Any) -> dict[str, Any]:
    base = {"type": "commandExecution", "id": "c1", "command": "/bin/bash -lc 'ls -l'"}
    return {**base, "cwd": "/home", "status": "inProgress", **more}


async def test_an_answer_arrives_whole_with_or_without_deltas() -> None:
    heard = Heard()
    heard.items.on_text("m1", "Hel")
    await heard.items.on_completed({"type": "agentMessage", "id": "m1", "text": "Hello"})
    await heard.items.on_completed({"type": "agentMessage", "id": "m2", "text": " again"})
    assert heard.texts("agent_message_chunk") == "Hello again"
    assert [u["messageId"] for u in heard.updates] == ["m1", "m1", "m2"]


async def test_parts_of_a_thought_are_parted() -> None:
    heard = Heard()
    heard.items.on_thought("r1", 0, "first")
    heard.items.on_thought("r1", 1, "second")
    summary = {"type": "reasoning", "id": "r1", "summary": ["first", "second"]}
    await heard.items.on_completed(summary)
    await heard.items.on_completed({"type": "reasoning", "id": "r2", "summary": ["unstreamed"]})
    assert heard.texts("agent_thought_chunk") == "first\n\nsecondunstreamed"


async def test_a_command_tells_its_output_and_its_exit_code() -> None:
    heard = Heard()
    heard.items.on_started(command())
    heard.items.on_output("c1", "two\n")
    end = command(status="failed", aggregatedOutput="one\ntwo\n", exitCode=3)
    await heard.items.on_completed(end)
    events = [readable(update) for update in heard.updates]
    assert events[0]["command"] == "ls -l"
    assert [e["output"] for e in events if "output" in e] == ["two\n", "one\n"]
    assert events[-1]["full_output"] == "one\ntwo\n"
    assert (events[-1]["status"], events[-1]["exit_code"]) == ("failed", 3)


async def test_a_tool_of_an_mcp_server() -> None:
    heard = Heard()
    call: dict[str, Any] = {"type": "mcpToolCall", "id": "t1", "server": "notes", "tool": "find"}
    call |= {"arguments": {"q": "tea"}, "status": "inProgress"}
    heard.items.on_started(call)
    answer = {"content": [{"type": "text", "text": "green"}]}
    await heard.items.on_completed(call | {"status": "completed", "result": answer})
    assert heard.updates[0]["title"] == "mcp.notes.find"
    assert heard.updates[1]["content"][0]["content"]["text"] == "green"
    await heard.items.on_completed(call | {"status": "failed", "error": {"message": "no tea"}})
    assert heard.updates[-1]["status"] == "failed"
    assert heard.updates[-1]["content"][0]["content"]["text"] == "no tea"


async def test_an_item_of_an_unknown_kind_is_a_tool_call() -> None:
    heard = Heard()
    heard.items.on_started({"type": "timeTravel", "id": "x"})
    await heard.items.on_completed({"type": "timeTravel", "id": "x"})
    assert [u["sessionUpdate"] for u in heard.updates] == ["tool_call", "tool_call_update"]
    assert heard.updates[0]["title"] == "timeTravel"
    assert heard.updates[1]["_meta"]["codex"]["type"] == "timeTravel"


def test_a_plan() -> None:
    heard = Heard()
    steps: Any = [{"step": "read", "status": "completed"}, {"step": "write", "status": "pending"}]
    heard.items.on_plan({"threadId": "t", "turnId": "u", "plan": steps})
    assert [(e["content"], e["status"]) for e in heard.updates[0]["entries"]] == [
        ("read", "completed"),
        ("write", "pending"),
    ]
