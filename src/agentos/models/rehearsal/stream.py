"""Playing a step onto a connection, with its pauses and faults."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from starlette.types import Receive, Scope, Send

from agentos.models.rehearsal.request import ModelRequest, Outcome
from agentos.models.rehearsal.responses import ResponseStream
from agentos.models.rehearsal.scenario import Step, Usage

_CHARACTERS_PER_TOKEN = 4
_START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store")],
}


class EventStream:
    """An ASGI response that streams one step.

    Args:
        request: The request it answers; learns how the answer ended.
        step: What to say, and which pause or fault to play.
        items: The tool calls, as `tools.tool_items` makes them.
        pace: Pause between the events, in seconds.
    """

    def __init__(
        self,
        request: ModelRequest,
        step: Step,
        items: Iterable[Mapping[str, Any]] = (),
        *,
        pace: float = 0.0,
    ) -> None:
        self._request = request
        self._step = step
        self._items = list(items)
        self._pace = pace
        self._response = ResponseStream(request.model)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        outcome = Outcome.DISCONNECTED
        try:
            await send(_START)
            outcome = await self._play(receive, send)
        finally:
            self._request.end(outcome)

    async def _play(self, receive: Receive, send: Send) -> Outcome:
        step = self._step
        for event in self._spoken():
            await send(_body(event))
            if await _left(receive, self._pace):
                return Outcome.DISCONNECTED
        if await _left(receive, None if step.hang else step.wait or 0.0):
            return Outcome.DISCONNECTED
        if step.break_off:
            # The server closes a connection whose response is left without its end.
            return Outcome.BROKEN_OFF
        for item in self._items:
            for event in self._response.tool_call(item):
                await send(_body(event))
        await send(_body(self._response.completed(step.usage or self._estimate())))
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        return Outcome.ANSWERED

    def _spoken(self) -> Iterable[bytes]:
        step = self._step
        yield self._response.created()
        if step.think:
            yield from self._response.reasoning(step.think)
        if step.say:
            cut_short = step.hang or step.break_off
            message = self._response.unfinished_message if cut_short else self._response.message
            yield from message(step.say)

    def _estimate(self) -> Usage:
        step = self._step
        told = [step.think, step.say, *(str(dict(item)) for item in self._items)]
        return Usage(
            input=_tokens(self._request.input_text),
            output=sum(_tokens(text) for text in told if text),
            reasoning=_tokens(step.think or ""),
        )


async def _left(receive: Receive, seconds: float | None) -> bool:
    """Pause, for ever with None; tell whether the client went away meanwhile."""
    if seconds == 0:
        return False
    try:
        async with asyncio.timeout(seconds):
            while (await receive())["type"] != "http.disconnect":
                pass
    except TimeoutError:
        return False
    return True


def _body(data: bytes) -> dict[str, Any]:
    return {"type": "http.response.body", "body": data, "more_body": True}


def _tokens(text: str) -> int:
    return -(-len(text) // _CHARACTERS_PER_TOKEN)
