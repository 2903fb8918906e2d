"""How far a session is, as its events tell it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from agentos.hub.sessions.models import Option, Permission, Problem, Tokens
from agentos.sessions.events import SessionEvent
from agentos.sessions.tool_calls import readable

LONGEST_TITLE = 120
LONGEST_LINE = 200


@dataclass
class Progress:
    """What the events of a session come to.

    Attributes:
        title: The first line of the first prompt.
        turns: How many began.
        working: Whether one of them has not ended.
        usage: What they used.
        permissions: What waits for an answer, by id.
        error: Why the last turn failed, if it did.
        last_seq: The number of the last event.
    """

    title: str = ""
    turns: int = 0
    working: bool = False
    usage: Tokens = field(default_factory=Tokens)
    permissions: dict[str, Permission] = field(default_factory=dict)
    error: Problem | None = None
    last_seq: int = 0
    updated: datetime = field(default_factory=lambda: datetime.now(UTC))
    _said: str = ""
    _speaker: object = None

    @property
    def last_line(self) -> str:
        """The last line that the agent said."""
        lines = self._said.strip().splitlines()
        return lines[-1].strip()[:LONGEST_LINE] if lines else ""

    def again(self) -> Progress:
        """Return where a session goes on; what waited for an answer has ended."""
        return replace(self, working=False, permissions={}, error=None)

    def note(self, event: SessionEvent) -> None:
        """Take the next event in."""
        self.last_seq = event.seq
        self.updated = datetime.fromtimestamp(event.at, UTC)
        data = event.data
        match event.type:
            case "turn_started":
                self.turns, self.working, self.error = int(data["turn"]), True, None
                self.title = self.title or title_of(data)
            case "turn_ended":
                self.working = False
                self.permissions.clear()
                self.error = problem_of(data.get("error"))
                self.usage = plus(self.usage, tokens_of(data.get("usage")))
            case "permission_requested":
                self.permissions[data["request_id"]] = _permission(event)
            case "permission_resolved":
                self.permissions.pop(data["request_id"], None)
            case "agent_message_chunk":
                self.hear(data)
            case "tool_call":
                self._speaker = None

    def hear(self, data: Mapping[str, Any]) -> None:
        """Take in what the agent says next."""
        content = data.get("content")
        text = content.get("text") if isinstance(content, Mapping) else None
        if not isinstance(text, str):
            return
        speaker = data.get("messageId") or "the same"
        before = self._said if speaker == self._speaker else ""
        self._speaker = speaker
        if before or text.strip():
            self._said = (before + text)[-4 * LONGEST_LINE :]


def title_of(started: Mapping[str, Any]) -> str:
    """Return the first line of a turn's prompt, cut."""
    lines = text_of_prompt(started).strip().splitlines()
    return lines[0][:LONGEST_TITLE] if lines else ""


def text_of_prompt(started: Mapping[str, Any]) -> str:
    """Return the prompt of a `turn_started` as text."""
    blocks = started.get("prompt", [])
    return "\n".join(str(one.get("text") or f"[{one.get('type')}]") for one in blocks)


def tokens_of(usage: Mapping[str, Any] | None) -> Tokens:
    """Return the tokens that a `turn_ended` tells of."""
    said = usage or {}
    return Tokens(
        input=said.get("input_tokens") or 0,
        cached_input=said.get("cached_input_tokens") or 0,
        output=said.get("output_tokens") or 0,
        reasoning=said.get("reasoning_tokens") or 0,
    )


def plus(one: Tokens, other: Tokens) -> Tokens:
    """Add tokens up."""
    return Tokens(
        input=one.input + other.input,
        cached_input=one.cached_input + other.cached_input,
        cache_write=one.cache_write + other.cache_write,
        output=one.output + other.output,
        reasoning=one.reasoning + other.reasoning,
    )


def problem_of(error: Mapping[str, Any] | None) -> Problem | None:
    """Return the error that an event tells of."""
    if not error:
        return None
    return Problem(
        code=str(error.get("code")), message=str(error.get("message")), hint=error.get("hint")
    )


def _permission(event: SessionEvent) -> Permission:
    call = event.data["tool_call"]
    return Permission(
        id=event.data["request_id"],
        title=str(call.get("title") or ""),
        kind=str(call.get("kind") or "other"),
        command=readable(call).get("command"),
        options=[Option(**option) for option in event.data["options"]],
        asked_at=datetime.fromtimestamp(event.at, UTC),
    )
