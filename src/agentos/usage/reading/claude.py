"""Claude Code's transcripts.

A message is written once for each of its blocks, again when a session is resumed, and once more
while it streams, with fewer tokens: the ledger keeps the mention with the most output.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agentos.usage.reading.entry import (
    LONGEST_PATH,
    LONGEST_TIER,
    BadLine,
    Caller,
    Entry,
    count,
    milliseconds,
    part,
    unknown_type,
    word,
)
from agentos.usage.reading.json_text import json_value
from agentos.usage.reading.lines import Line

#: Anthropic's own ids are longer; other servers may give every message the same short one.
_OWN_ID_LENGTH = 20
_NO_MODEL = "<synthetic>"  # Claude Code's own words, such as an error


class ClaudeTranscript:
    """Read the lines of one transcript.

    Args:
        name: The file's name.
        state: What `state` was after the lines before.
    """

    at = 0
    others: tuple[bytes, ...] = ()  # any line may be one

    def __init__(self, name: str, state: str = "") -> None:
        pass

    @property
    def state(self) -> str:
        """Nothing: each line tells all."""
        return ""

    @staticmethod
    def wants(text: bytes) -> bool:
        """Tell whether a line may tell of a call."""
        return b'"usage"' in text

    def read(self, line: Line) -> list[Entry]:
        """Return the call that a line tells of, if it does.

        Raises:
            BadLine: The line cannot be counted.
        """
        data = part(json_value(line.text))
        inner = part(data.get("data")).get("message")  # a sub-agent's, told as progress
        said = {**data, **inner} if isinstance(inner, dict) else data
        message = part(said.get("message"))
        usage = message.get("usage")
        if not isinstance(usage, dict):
            return []
        if said.get("type") != "assistant":
            raise unknown_type("message with usage", said.get("type"))
        model = word(message.get("model"))
        if model == _NO_MODEL:
            return []
        return [self._entry(line, said, message, usage)]

    def _entry(
        self, line: Line, said: Mapping[str, Any], message: Mapping[str, Any], usage: dict[str, Any]
    ) -> Entry:
        own = word(message.get("id"))
        session = word(said.get("sessionId"))
        read = count(usage.get("cache_read_input_tokens"))
        written = count(usage.get("cache_creation_input_tokens"))
        hour = part(usage.get("cache_creation")).get("ephemeral_1h_input_tokens")
        output = count(usage.get("output_tokens"))
        thought = part(usage.get("output_tokens_details")).get("thinking_tokens")
        side = bool(said.get("isSidechain"))
        return Entry(
            identity=_identity(own, session, said),
            caller=Caller(
                source="claude",
                client="claude",
                session=session,
                thread=word(said.get("agentId")) or session,
                provider=_provider(own),
                model=word(message.get("model")),
                project=word(said.get("cwd"), LONGEST_PATH),
                kind="subagent" if side else "turn",
                tier=_tier(usage),
            ),
            at=milliseconds(said.get("timestamp")),
            line=line.number,
            offset=line.offset,
            response_id=own,
            input=count(usage.get("input_tokens")) + read + written,
            cached_input=read,
            cache_write=written,
            cache_write_hour=min(count(hour), written),
            output=output,
            reasoning=min(count(thought), output),
        )


def _identity(own: str, session: str, said: Mapping[str, Any]) -> str:
    if len(own) >= _OWN_ID_LENGTH:
        return own
    request = word(said.get("requestId")) or word(said.get("requestRef")) or word(said.get("uuid"))
    if not request:
        raise BadLine("no_id", "nothing tells this message from others")
    return f"claude:{session}:{own}:{request}"


def _provider(own: str) -> str:
    return "amazon-bedrock" if own.startswith("msg_bdrk_") else "anthropic"


def _tier(usage: Mapping[str, Any]) -> str:
    if usage.get("speed") == "fast":
        return "fast"
    tier = word(usage.get("service_tier"), LONGEST_TIER)
    return "" if tier == "standard" else tier
