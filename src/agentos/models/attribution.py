"""What a model call is for, told from its headers and its body."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

# Codex sends its own context as user messages, which begin like this.
_CONTEXT = re.compile(r"\s*(<[a-z_]+>|# AGENTS\.md instructions)")
_TITLE_PROMPT = re.compile(r"\bgenerate\b.{0,40}\btitle\b", re.DOTALL)


class Kind(StrEnum):
    """What a request is for."""

    TURN = "turn"
    TITLE = "title"
    COMPACTION = "compaction"
    GUARDIAN = "guardian"
    SUBAGENT = "subagent"
    MEMORY = "memory"
    OTHER = "other"

    @property
    def hidden(self) -> bool:
        """Whether no transcript of the agent tells of it: only a gateway sees it."""
        return self in (Kind.TITLE, Kind.MEMORY)


@dataclass(frozen=True, slots=True)
class Attribution:
    """Whose call it is, as the client says.

    Attributes:
        kind: What it is for.
        session: The agent's session, the thread at its root.
        thread: The agent's thread; empty if the client names none.
        turn: The turn in the thread; empty if the client names none.
        client: The program that calls.
    """

    kind: Kind
    session: str = ""
    thread: str = ""
    turn: str = ""
    client: str = ""


def attribute(headers: Mapping[str, str], body: Mapping[str, Any]) -> Attribution:
    """Read what a client tells of its call.

    Args:
        headers: Its headers, names in lower case.
        body: Its JSON body.
    """
    metadata = turn_metadata(headers)
    session = headers.get("session-id", "")
    thread = headers.get("thread-id") or session or str(body.get("prompt_cache_key") or "")
    return Attribution(
        _kind(headers, metadata, body),
        str(metadata.get("session_id") or session or thread),
        thread,
        str(metadata.get("turn_id") or ""),
        headers.get("originator") or headers.get("user-agent", ""),
    )


def turn_metadata(headers: Mapping[str, str]) -> Mapping[str, Any]:
    """Return what Codex tells of a turn in a header."""
    try:
        metadata = json.loads(headers.get("x-codex-turn-metadata", "{}"))
    except (ValueError, RecursionError):
        return {}
    return metadata if isinstance(metadata, dict) else {}


def user_text(messages: list[str]) -> str:
    """Return the latest user message that is the user's own, not Codex's context."""
    own = [text for text in messages if not _CONTEXT.match(text)]
    return own[-1] if own else ""


def input_items(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the items of a Responses request as they were sent."""
    given = body.get("input")
    if isinstance(given, str):
        return [{"type": "message", "role": "user", "content": given}]
    items = given if isinstance(given, list) else []
    return [item for item in items if isinstance(item, dict)]


def content_text(content: object) -> str:
    """Return the text of a message's content, or of a tool's output."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    texts = (part.get("text") for part in parts if isinstance(part, dict))
    return "\n".join(text for text in texts if isinstance(text, str))


def _kind(headers: Mapping[str, str], metadata: Mapping[str, Any], body: Mapping[str, Any]) -> Kind:
    if metadata.get("request_kind") == "compaction":
        return Kind.COMPACTION
    if metadata.get("thread_source") == "memory_consolidation":
        return Kind.MEMORY
    subagent = headers.get("x-openai-subagent")
    if subagent is not None:
        return Kind.GUARDIAN if subagent == "guardian" else Kind.SUBAGENT
    return Kind.TITLE if _asks_for_a_title(body) else Kind.TURN


def _asks_for_a_title(body: Mapping[str, Any]) -> bool:
    """Tell the ACP adapter's request, which is an ordinary turn of a thread of its own."""
    form: Any = body
    for key in ("text", "format", "schema", "properties"):
        form = form.get(key) if isinstance(form, dict) else None
    if not isinstance(form, dict) or set(form) != {"title"}:
        return False
    asked = [i.get("content") for i in input_items(body) if i.get("role") == "user"]
    return bool(_TITLE_PROMPT.search(user_text([content_text(content) for content in asked])))
