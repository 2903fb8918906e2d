"""One prompt and what comes of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agentos.sessions.event_log import EventLog
from agentos.sessions.events import SessionEvent


@dataclass(frozen=True, slots=True)
class TurnUsage:
    """Tokens; those cached are part of the input, those of reasoning part of the output."""

    input_tokens: int = 0
    cached_input_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    total_tokens: int = 0

    @classmethod
    def of(cls, usage: Mapping[str, Any]) -> TurnUsage:
        """Read ACP's form, in which the input is without what was cached."""
        cached = usage.get("cachedReadTokens") or 0
        return cls(
            input_tokens=(usage.get("inputTokens") or 0) + cached,
            cached_input_tokens=cached,
            output_tokens=usage.get("outputTokens") or 0,
            reasoning_tokens=usage.get("thoughtTokens") or 0,
            total_tokens=usage.get("totalTokens") or 0,
        )

    def __add__(self, other: TurnUsage) -> TurnUsage:
        return TurnUsage(
            self.input_tokens + other.input_tokens,
            self.cached_input_tokens + other.cached_input_tokens,
            self.output_tokens + other.output_tokens,
            self.reasoning_tokens + other.reasoning_tokens,
            self.total_tokens + other.total_tokens,
        )


@dataclass(frozen=True, slots=True)
class TurnResult:
    """How a turn ended.

    Attributes:
        text: All that the agent said, its messages parted by empty lines.
        stop_reason: `end_turn`, `cancelled`, `refusal`, `max_tokens` or `max_turn_requests`.
        usage: The tokens of this turn, None if the agent did not say.
        events: The turn's events.
    """

    text: str
    stop_reason: str
    usage: TurnUsage | None
    events: Sequence[SessionEvent] = field(repr=False)


class Turn:
    """A prompt that has been sent: await it for its result, or iterate over its events.

    Both may be done, by several readers. It goes on if nobody waits for it.

    Example:
        ```python
        turn = session.prompt("Fix the failing test")
        async for event in turn:
            print(event.type)
        result = await turn
        ```
    """

    def __init__(
        self,
        number: int,
        prompt: Sequence[Mapping[str, Any]],
        log: EventLog,
        *,
        key: str | None = None,
        after: int | None = None,
    ) -> None:
        self.number = number
        self.prompt = prompt
        self.key = key
        self.after = log.last_seq if after is None else after
        self.cancelling = False
        self.killed = False
        self.failure: Exception | None = None
        self._log = log
        self._done: asyncio.Future[TurnResult] = asyncio.get_running_loop().create_future()

    @property
    def opening(self) -> dict[str, Any]:
        """The data of its `turn_started`."""
        data: dict[str, Any] = {"turn": self.number, "prompt": self.prompt}
        return data if self.key is None else data | {"idempotency_key": self.key}

    @property
    def done(self) -> bool:
        """Whether it has ended."""
        return self._done.done()

    @property
    def succeeded(self) -> bool:
        """Whether it has ended with a result."""
        return self.done and self._done.exception() is None

    def __await__(self) -> Generator[Any, None, TurnResult]:
        return asyncio.shield(self._done).__await__()

    async def __aiter__(self) -> AsyncIterator[SessionEvent]:
        """Yield its events from `turn_started` to `turn_ended`; then raise if it failed."""
        begun = False
        async for event in self._log.follow(self.after):
            mine = event.data.get("turn") == self.number
            begun = begun or (mine and event.type == "turn_started")
            if begun:
                yield event
            if mine and event.type == "turn_ended":
                break
        await self

    async def wait(self, timeout: float | None = None) -> bool:
        """Wait until it has ended, however; tell whether it has within so many seconds."""
        await asyncio.wait({self._done}, timeout=timeout)
        return self.done

    def succeed(self, result: TurnResult) -> None:
        """End it with a result."""
        if not self.done:
            self._done.set_result(result)

    def fail(self, error: Exception) -> None:
        """End it with an error."""
        if not self.done:
            self._done.set_exception(error)
            self._done.exception()  # a turn that nobody awaits does not complain


def text_of(updates: Sequence[Mapping[str, Any]]) -> str:
    """Join what the agent said in these updates."""
    messages: list[str] = []
    speaking: object = None
    for update in updates:
        kind = update.get("sessionUpdate")
        if kind == "tool_call":
            speaking = None
        if kind != "agent_message_chunk":
            continue
        content = update.get("content")
        text = content.get("text") if isinstance(content, Mapping) else None
        if not isinstance(text, str):
            continue
        speaker = update.get("messageId") or "the same"
        if speaker != speaking or not messages:
            messages.append("")
        speaking = speaker
        messages[-1] += text
    return "\n\n".join(message.strip("\n") for message in messages)
