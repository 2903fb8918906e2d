"""Codex calls functions of the host: over MCP, and by its shell."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from agentos import (
    AgentCrashed,
    AgentOs,
    ExecResult,
    McpServer,
    PermissionRequest,
    RehearsalModel,
    Scenario,
    Session,
    Step,
    Tool,
    ToolContext,
)
from agentos.models.rehearsal import McpCall, When
from agentos.sessions.tools.access import TOOLS

Tools = Sequence[Tool | Callable[..., Any]]


def _call(tool: str, **arguments: Any) -> Step:
    return Step(call=McpCall(server="agentos-tools", tool=tool, arguments=arguments))


def _then(expected: str) -> Step:
    return Step(when=When(output=expected), say="so it is")


@dataclass
class Desk:
    """A host's own functions."""

    async def add(self, first: int, second: int = 2) -> int:
        """Add two numbers.

        Args:
            first: The one.
            second: The other.
        """
        return first + second

    def where(self, city: str, context: ToolContext) -> dict[str, str]:
        """Say where a city is, and who says so."""
        context.progress(1, 2, f"looking for {city}")
        return {"city": city, "thread": threading.current_thread().name}


async def _events(session: Session, kind: str) -> list[dict[str, Any]]:
    await session.close()
    return [dict(event.data) async for event in session.events() if event.type == kind]


async def test_async_and_sync_functions_answer(vm: AgentOs, agent: str) -> None:
    steps = [_call("add", first=40), _call("where", city="Ulm"), _then("agentos tool")]
    steps[1] = Step(when=When(output="42"), call=steps[1].call)
    desk = Desk()
    async with RehearsalModel(Scenario(steps=steps)) as model:
        tools: Tools = [desk.add, desk.where]
        session = await vm.create_session(agent, provider=model, tools=tools)
        assert (await session.prompt("go")).text.endswith("so it is")
        assert not model.mismatches
        (progress,) = await _events(session, "tool_progress")
    assert progress == {"tool": "where", "done": 1, "total": 2, "message": "looking for Ulm"}


async def test_the_command_line_calls_them_too(vm: AgentOs, agent: str) -> None:
    desk = Desk()
    steps = [
        Step(run="agentos-tools add --first 40"),
        Step(when=When(output="42"), run="agentos-tools where --city 'New  Ulm' && echo done"),
        Step(when=When(output='"New  Ulm"(.|\n)*done'), run="agentos-tools add --first x"),
        Step(when=When(output="tool_arguments_invalid", exit_code=1), run="agentos-tools"),
        _then("add Add two numbers"),
    ]
    async with RehearsalModel(Scenario(steps=steps)) as model:
        tools: Tools = [desk.add, desk.where]
        session = await vm.create_session(agent, provider=model, tools=tools)
        assert (await session.prompt("go")).text.endswith("so it is")
        assert not model.mismatches


async def test_a_ready_agent_gets_its_tools(vm: AgentOs) -> None:
    steps = [_call("add", first=1), Step(when=When(output="3"), run="agentos-tools add --first 2")]
    await vm.ready_agent("codex")
    (waiting,) = [p.pid for p in await vm.processes() if "app-server" in p.command]
    async with RehearsalModel(Scenario(steps=[*steps, _then("4")])) as model:
        session = await vm.create_session("codex", provider=model, tools=[Desk().add])
        assert waiting in [p.pid for p in await vm.processes()]
        assert (await session.prompt("go")).text.endswith("so it is")


async def test_failures_reach_the_model(vm: AgentOs, agent: str) -> None:
    def breaks() -> str:
        raise ValueError("no such order")

    async def hangs() -> str:
        await asyncio.Event().wait()
        return "never"

    def floods() -> str:
        return "x" * 100 * 2**20

    async def odd() -> object:
        return object()

    steps = [
        _call("breaks"),
        Step(when=When(output="no such order"), call=_call("hangs").call),
        Step(when=When(output="tool_timeout"), call=_call("floods").call),
        Step(when=When(output="tool_answer_too_long"), call=_call("odd").call),
        _then("tool_answer_not_json"),
    ]
    async with RehearsalModel(Scenario(steps=steps)) as model:
        tools: Tools = [breaks, Tool(hangs, timeout=0.2), floods, odd]
        session = await vm.create_session(agent, provider=model, tools=tools)
        assert (await session.prompt("go")).text.endswith("so it is")
        assert not model.mismatches
        failed = [data["code"] for data in await _events(session, "tool_failed")]
    codes = ["tool_raised", "tool_timeout", "tool_answer_too_long", "tool_answer_not_json"]
    assert failed == codes


async def test_only_its_own_session_can_call(vm: AgentOs, agent: str) -> None:
    """The one has a tool; the other, and any command beside, is refused."""
    look = "~/.local/bin/agentos-tools add --first 1"
    other = Scenario(steps=[Step(run=look), _then("does not belong to a session")])
    own = Scenario(steps=[_call("add", first=1), _then("3")])
    async with RehearsalModel(own) as first, RehearsalModel(other) as second:
        with_tools = await vm.create_session(agent, provider=first, tools=[Desk().add])
        without = await vm.create_session(agent, provider=second)
        assert (await without.prompt("go")).text.endswith("so it is")
        knock = ["bash", "-c", f"exec 3<>/dev/tcp/{TOOLS}/80"]
        assert (await vm.exec(knock)).exit_code == 0
        assert "not that of the session" in (await _beside(vm, "guessed")).stderr
        assert "does not belong to a session" in (await _beside(vm, "")).stderr
        assert (await with_tools.prompt("go")).text.endswith("so it is")
        await with_tools.close()
        assert (await vm.exec(knock)).exit_code != 0
        await without.close()


async def _beside(vm: AgentOs, token: str) -> ExecResult:
    env = {"AGENTOS_TOOLS_URL": f"http://{TOOLS}", "AGENTOS_TOOLS_TOKEN": token}
    refused = await vm.exec("~/.local/bin/agentos-tools add --first 1", env=env)
    assert refused.exit_code != 0
    return refused


async def test_two_sessions_have_tools_of_their_own(vm: AgentOs, agent: str) -> None:
    def who_one() -> str:
        return "it is one"

    def who_two() -> str:
        return "it is two"

    def steps(expected: str) -> Scenario:
        again = Step(when=When(output=expected), run="agentos-tools who")
        return Scenario(steps=[_call("who"), again, _then(expected)])

    async with RehearsalModel(steps("one")) as first, RehearsalModel(steps("two")) as second:
        one = await vm.create_session(agent, provider=first, tools=[Tool(who_one, name="who")])
        two = await vm.create_session(agent, provider=second, tools=[Tool(who_two, name="who")])
        results = await asyncio.gather(one.prompt("go"), two.prompt("go"))
        assert all(result.text.endswith("so it is") for result in results)
        assert not first.mismatches + second.mismatches
        await asyncio.gather(one.close(), two.close())


async def test_cancelling_the_turn_cancels_the_tool(vm: AgentOs, agent: str) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def waits() -> str:
        try:
            begun.set()
            await asyncio.Event().wait()
        finally:
            ended.set()
        return "never"

    steps = [_call("waits"), Step(say="fine again")]
    async with RehearsalModel(Scenario(steps=steps)) as model:
        session = await vm.create_session(agent, provider=model, tools=[waits])
        turn = session.prompt("go")
        await begun.wait()
        await session.cancel()
        assert (await turn).stop_reason == "cancelled"
        await ended.wait()
        assert (await session.prompt("again")).text.endswith("fine again")
        (failed,) = await _events(session, "tool_failed")
    assert failed["code"] == "tool_cancelled"
    assert "the turn was cancelled" in failed["message"]


async def test_closing_the_session_ends_a_running_tool(vm: AgentOs, agent: str) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def waits() -> None:
        try:
            begun.set()
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with RehearsalModel(Scenario(steps=[_call("waits"), Step(say="x")])) as model:
        session = await vm.create_session(agent, provider=model, tools=[waits])
        turn = session.prompt("go")
        await begun.wait()
        (failed,) = await _events(session, "tool_failed")
    assert ended.is_set()
    assert (failed["tool"], failed["code"]) == ("waits", "tool_cancelled")
    assert turn.done


@pytest.mark.parametrize("answer", ["allow_once", None])
async def test_calls_need_permission_where_the_caller_asks_for_it(
    vm: AgentOs, answer: str | None
) -> None:
    asked, called = [], []

    def decide(request: PermissionRequest) -> str | None:
        asked.append(request.tool_call)
        return answer

    async def pay(amount: int) -> str:
        called.append(amount)
        return "paid"

    steps = [_call("pay", amount=5), Step(say="so it is")]
    async with RehearsalModel(Scenario(steps=steps)) as model:
        session = await vm.create_session("codex", provider=model, tools=[pay], permission=decide)
        await session.prompt("go")
        await session.close()
    assert len(asked) == 1
    assert called == ([5] if answer else [])


async def test_agent_that_dies_ends_a_running_tool(vm: AgentOs) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def waits() -> None:
        try:
            begun.set()
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with RehearsalModel(Scenario(steps=[_call("waits")])) as model:
        session = await vm.create_session("codex", provider=model, tools=[waits])
        turn = session.prompt("go")
        await begun.wait()
        (codex,) = [p for p in await vm.processes() if "app-server" in p.command]
        await vm.signal(codex.pid, signal.SIGKILL)
        with pytest.raises(AgentCrashed):
            await turn
        await ended.wait()
        await session.close()


async def test_resuming_offers_tools_anew(vm: AgentOs, agent: str) -> None:
    steps = [Step(say="noted"), _call("add", first=5), _then("7")]
    async with RehearsalModel(Scenario(steps=steps)) as model:
        session = await vm.create_session(agent, provider=model)
        await session.prompt("hi")
        await session.close()
        again = await vm.resume_session(session.id, provider=model, tools=[Desk().add])
        assert (await again.prompt("add")).text.endswith("so it is")
        await again.close()


async def test_server_that_does_not_start_is_an_event(vm: AgentOs, agent: str) -> None:
    server = McpServer(command="/nowhere/at-all")
    async with RehearsalModel(Scenario(steps=[Step(say="ok")] * 2)) as model:
        session = await vm.create_session(agent, provider=model, mcp_servers={"broken": server})
        await session.prompt("hi")
        warnings = [data["message"] for data in await _events(session, "warning")]
    assert any("'broken' did not start" in text for text in warnings), warnings
