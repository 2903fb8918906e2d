"""What of an agent's updates is believed: events are read by code that relies on their form."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

#: What only the session itself tells: from an agent it would deceive whoever reads.
_OURS = {
    *("agent_started", "agent_exited", "turn_started", "turn_ended", "warning"),
    *("permission_requested", "permission_resolved", "budget_exceeded"),
    *("tool_progress", "tool_failed"),
}
_KIND = re.compile(r"[A-Za-z0-9_./:-]{1,100}")


def is_sound(update: Mapping[str, Any]) -> bool:
    """Tell whether an update is one of ACP's, or of a kind that we do not know yet."""
    kind = update.get("sessionUpdate")
    if not isinstance(kind, str) or kind in _OURS or not _KIND.fullmatch(kind):
        return False
    return _FORMS.get(kind, _any)(update)


def _any(update: Mapping[str, Any]) -> bool:
    return True


def _chunk(update: Mapping[str, Any]) -> bool:
    content = update.get("content")
    return isinstance(content, Mapping) and isinstance(content.get("text", ""), str)


def _tool_call(update: Mapping[str, Any]) -> bool:
    parts = update.get("content") or []
    return (
        isinstance(update.get("toolCallId"), str)
        and _tables(parts)
        and all(isinstance(part.get("content", {}), Mapping) for part in parts)
        and _tables(update.get("locations") or [])
    )


def _options(update: Mapping[str, Any]) -> bool:
    return _tables(update.get("configOptions") or [])


def _plan(update: Mapping[str, Any]) -> bool:
    return _tables(update.get("entries"))


def _title(update: Mapping[str, Any]) -> bool:
    return isinstance(update.get("title"), str | None)


def _tables(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, Mapping) for each in value)


_FORMS: Mapping[str, Callable[[Mapping[str, Any]], bool]] = {
    "agent_message_chunk": _chunk,
    "agent_thought_chunk": _chunk,
    "user_message_chunk": _chunk,
    "tool_call": _tool_call,
    "tool_call_update": _tool_call,
    "config_option_update": _options,
    "plan": _plan,
    "session_info_update": _title,
}
