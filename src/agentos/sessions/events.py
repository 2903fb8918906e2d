"""What happens in a session."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class SessionEvent:
    """Something that happened in a session.

    Attributes:
        seq: Its number in the session, from 1 without holes.
        session_id: The session.
        at: When, in seconds since the epoch.
        type: An ACP update kind such as `agent_message_chunk`, `tool_call` or
            `tool_call_update`, or one of `agent_started`, `agent_exited`, `turn_started`,
            `turn_ended`, `permission_requested`, `permission_resolved`, `budget_exceeded`,
            `warning`.
        data: Plain JSON. Of an ACP update, its fields as they came; a tool call also has, where
            it applies, `command`, `output` (what is new of it), `full_output` (all of it in
            order, at the end), `exit_code`, and `edits`, each with `path`, `old_text` and
            `new_text` (None where there is no file), the first of them also directly.
    """

    seq: int
    session_id: str
    at: float
    type: str
    data: Mapping[str, Any]
