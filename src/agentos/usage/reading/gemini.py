"""Gemini CLI's recorded chats: one line a message, or, before, one JSON document a session.

Google counts thoughts beside the answer, and what tools were shown beside the prompt.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from agentos.usage.reading.entry import (
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


class GeminiChat:
    """Read the lines of one chat.

    Args:
        name: The file's name.
        state: What `state` was after the lines before.
    """

    at = 0
    others: tuple[bytes, ...] = ()  # any line may be one

    def __init__(self, name: str, state: str = "") -> None:
        self._session = state
        self._name = name

    @property
    def state(self) -> str:
        """The session, which the first line names."""
        return self._session

    @staticmethod
    def wants(text: bytes) -> bool:
        """Tell whether a line may tell of a call, or of its session."""
        return b'"tokens"' in text or b'"sessionId"' in text

    def read(self, line: Line) -> list[Entry]:
        """Return the calls that a line tells of.

        Raises:
            BadLine: The line cannot be counted.
        """
        data = part(json_value(line.text))
        if "sessionId" in data and "type" not in data:
            self._session = word(data["sessionId"])
            return []
        messages = part(data.get("$set")).get("messages")  # the chat was rewound, or taken over
        told = messages if isinstance(messages, list) else [data]
        found = [message_entry(part(one), self._session or self._name, line) for one in told]
        return [entry for entry in found if entry]


def document_messages(document: Any, text: bytes) -> Iterator[tuple[Mapping[str, Any], Line]]:
    """Yield the messages of a session that is one JSON document, each with where it is.

    Args:
        document: The document.
        text: As it is written.
    """
    messages = part(document).get("messages")
    number, offset = 1, 0
    for message in messages if isinstance(messages, list) else []:
        found = text.find(word(part(message).get("id")).encode(), offset)
        if found < 0:
            text = b""  # ids are written otherwise; to look for each of them may take hours
        else:
            number, offset = number + text.count(b"\n", offset, found), found
        yield part(message), Line(number, text.rfind(b"\n", 0, offset) + 1, b"")


def message_entry(message: Mapping[str, Any], session: str, line: Line) -> Entry | None:
    """Return the call that a message of a chat tells of, if it does.

    Raises:
        BadLine: It cannot be counted.
    """
    tokens = message.get("tokens")
    if not isinstance(tokens, dict):
        return None
    if message.get("type") != "gemini":
        raise unknown_type("message with tokens", message.get("type"))
    own = word(message.get("id"))
    if not own:
        raise BadLine("no_id", "nothing tells this message from others")
    thoughts = count(tokens.get("thoughts"))
    read = count(tokens.get("input"))
    cached = count(tokens.get("cached"))
    if cached > read:
        raise BadLine("bad_tokens", f"more input was cached than there is: {cached}/{read}")
    return Entry(
        identity=f"gemini:{session}:{own}",
        caller=Caller(
            source="gemini",
            client="gemini",
            session=session,
            thread=session,
            provider="google",
            model=word(message.get("model")),
            kind="turn",
        ),
        at=milliseconds(message.get("timestamp")),
        line=line.number,
        offset=line.offset,
        input=read + count(tokens.get("tool")),
        cached_input=cached,
        output=count(tokens.get("output")) + thoughts,
        reasoning=thoughts,
    )
