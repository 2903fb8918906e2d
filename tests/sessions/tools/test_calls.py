"""Calls of a session's tools: what they answer, and how they end otherwise."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from agentos.sessions.tools import Tool, ToolContext
from agentos.sessions.tools.answer import MOST_ANSWER
from agentos.sessions.tools.calls import MOST_CALLS, ToolCalls
from agentos.sessions.tools.failures import CallFailed
from agentos.sessions.tools.signature import signatures_of


class Told(list[tuple[str, Mapping[str, Any]]]):
    def hear(self, kind: str, data: Mapping[str, Any]) -> None:
        self.append((kind, data))

    @property
    def codes(self) -> list[str]:
        return [str(data["code"]) for kind, data in self if kind == "tool_failed"]


def offer(*tools: Tool | Callable[..., Any]) -> tuple[ToolCalls, Told]:
    calls, told = ToolCalls(signatures_of(tools)), Told()
    calls.report_to(told.hear)
    return calls, told


async def failure(calls: ToolCalls, name: str, **arguments: Any) -> CallFailed:
    with pytest.raises(CallFailed) as caught:
        await calls.call(name, arguments)
    return caught.value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("as it is", "as it is"),
        (None, ""),
        ({"a": [1, 2.5, None]}, '{"a": [1, 2.5, null]}'),
        ((1, {2}), "[1, [2]]"),
        ("\N{SNOWMAN}", "\N{SNOWMAN}"),
    ],
)
async def test_answers(value: object, text: str) -> None:
    async def give() -> object:
        return value

    def give_in_thread() -> object:
        return value

    calls, told = offer(give, give_in_thread)
    assert await calls.call("give", {}) == await calls.call("give_in_thread", {}) == text
    assert told == []


def _circle() -> object:
    circle: list[object] = []
    circle.append(circle)
    return circle


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (object(), "tool_answer_not_json"),
        (float("nan"), "tool_answer_not_json"),
        (_circle(), "tool_answer_not_json"),
        ({(1, 2): 3}, "tool_answer_not_json"),
        ("\udcff", "tool_answer_not_json"),
        (b"\xff", "tool_answer_not_json"),
        ("x" * (MOST_ANSWER + 1), "tool_answer_too_long"),
        ("\N{SNOWMAN}" * (MOST_ANSWER // 2), "tool_answer_too_long"),
        ([0] * MOST_ANSWER, "tool_answer_too_long"),
    ],
    ids=["object", "nan", "circle", "key", "surrogate", "bytes", "long", "long-in-bytes", "list"],
)
async def test_answers_that_cannot_be_given(value: object, code: str) -> None:
    async def give() -> object:
        return value

    calls, told = offer(give)
    assert (await failure(calls, "give")).code == code
    assert told.codes == [code]


@pytest.mark.parametrize("error", [ValueError, SystemExit, KeyboardInterrupt, StopIteration])
async def test_what_a_tool_raises_is_its_answer(error: type[BaseException]) -> None:
    async def breaks() -> None:
        raise error("too bad")

    def breaks_in_thread() -> None:
        raise error("too bad")

    calls, told = offer(breaks, breaks_in_thread)
    for name in ("breaks", "breaks_in_thread"):
        assert (await failure(calls, name)).code == "tool_raised"
    assert told.codes == ["tool_raised"] * 2
    assert f"breaks raised {error.__name__}" in told[0][1]["message"] or error is StopIteration


async def test_a_long_complaint_is_cut() -> None:
    async def breaks() -> None:
        raise ValueError("x" * 10**6)

    calls, _ = offer(breaks)
    assert len(str(await failure(calls, "breaks"))) < 5000


async def test_unknown_tool_names_those_there_are() -> None:
    calls, told = offer(Tool(lambda: 1, name="one"))
    assert "there are: one" in str(await failure(calls, "two"))
    assert told.codes == ["tool_unknown"]


async def test_async_tool_that_hangs_is_cancelled() -> None:
    ended = asyncio.Event()

    async def hangs() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    calls, told = offer(Tool(hangs, timeout=0.01))
    assert (await failure(calls, "hangs")).code == "tool_timeout"
    assert ended.is_set()
    assert told.codes == ["tool_timeout"]


async def test_sync_tool_that_hangs_is_told() -> None:
    go_on, seen = threading.Event(), threading.Event()

    def hangs(context: ToolContext) -> None:
        go_on.wait()
        context.progress(1)
        if context.cancelled:
            seen.set()

    calls, told = offer(Tool(hangs, timeout=0.01))
    assert "it runs on" in str(await failure(calls, "hangs"))
    go_on.set()
    await asyncio.to_thread(seen.wait)
    await calls.close()
    assert [kind for kind, _ in told] == ["tool_failed"]


async def test_closing_waits_for_no_thread() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def waits() -> None:
        begun.set()
        go_on.wait()

    calls, told = offer(waits)
    call = asyncio.create_task(failure(calls, "waits"))
    await asyncio.to_thread(begun.wait)
    await calls.close()
    assert (await call).code == "tool_cancelled"
    assert "it runs on" in told[0][1]["message"]
    go_on.set()


async def test_tool_that_defies_its_cancellation_is_told() -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def defies() -> None:
        begun.set()
        while not go_on.is_set():
            try:
                await go_on.wait()
            except asyncio.CancelledError:
                continue

    calls, told = offer(defies)
    call = asyncio.create_task(failure(calls, "defies"))
    await begun.wait()
    calls.call_off("enough")
    assert (await call).code == "tool_cancelled"
    assert [kind for kind, _ in told] == ["tool_failed", "warning"]
    go_on.set()
    await calls.close()


@pytest.mark.parametrize("done", [float("nan"), float("inf"), "half"])
async def test_progress_that_is_no_number_fails_the_tool(done: Any) -> None:
    async def tells(context: ToolContext) -> None:
        context.progress(done)

    calls, told = offer(tells)
    assert (await failure(calls, "tells")).code == "tool_raised"
    assert told.codes == ["tool_raised"]


async def test_progress_from_a_thread_and_from_the_loop() -> None:
    async def here(context: ToolContext) -> None:
        context.progress(1, 2, "half")

    def there(context: ToolContext) -> None:
        context.progress(0.5)

    calls, told = offer(here, there)
    await calls.call("here", {})
    await calls.call("there", {})
    assert told == [
        ("tool_progress", {"tool": "here", "done": 1, "total": 2, "message": "half"}),
        ("tool_progress", {"tool": "there", "done": 0.5, "total": None, "message": ""}),
    ]


async def test_calling_off_is_told_at_once() -> None:
    begun = asyncio.Event()

    async def waits() -> None:
        begun.set()
        await asyncio.Event().wait()

    calls, told = offer(waits)
    call = asyncio.create_task(failure(calls, "waits"))
    await begun.wait()
    calls.call_off("enough")
    assert told.codes == ["tool_cancelled"]
    assert "enough" in str(await call)
    assert told.codes == ["tool_cancelled"]


async def test_caller_that_hangs_up_cancels_the_tool() -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def waits() -> None:
        try:
            begun.set()
            await asyncio.Event().wait()
        finally:
            ended.set()

    calls, told = offer(waits)
    call = asyncio.create_task(calls.call("waits", {}))
    await begun.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert ended.is_set()
    assert "hung up" in told[0][1]["message"]


async def test_tool_that_cancels_itself_has_raised() -> None:
    async def odd() -> None:
        raise asyncio.CancelledError

    calls, _ = offer(odd)
    assert (await failure(calls, "odd")).code == "tool_raised"


async def test_too_many_at_once_are_refused() -> None:
    begun = 0

    async def waits() -> None:
        nonlocal begun
        begun += 1
        await asyncio.Event().wait()

    calls, _ = offer(waits)
    running = [asyncio.create_task(failure(calls, "waits")) for _ in range(MOST_CALLS)]
    while begun < MOST_CALLS:
        await asyncio.sleep(0)
    assert (await failure(calls, "waits")).code == "tool_busy"
    await calls.close()
    assert {ended.code for ended in await asyncio.gather(*running)} == {"tool_cancelled"}
    assert (await failure(calls, "waits")).code == "tool_cancelled"
