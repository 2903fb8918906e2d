"""What happens in a session, kept in order for any number of readers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
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


class EventLog:
    """The events of one session: stored first, then delivered to whoever follows."""

    def __init__(self, session_id: str) -> None:
        self.session_id = session_id
        self.events: list[SessionEvent] = []
        self._changed = asyncio.Event()
        self._closed = False
        self._error: Exception | None = None

    def append(self, type: str, data: Mapping[str, Any]) -> SessionEvent:
        """Store an event and wake its readers."""
        event = SessionEvent(len(self.events) + 1, self.session_id, time.time(), type, data)
        self.events.append(event)
        self._wake()
        return event

    def close(self, error: Exception | None = None) -> None:
        """End every reader's stream after the last event, with an error if there was one."""
        self._closed = True
        self._error = error
        self._wake()

    async def follow(self, after: int = 0) -> AsyncIterator[SessionEvent]:
        """Yield the events after a number, those to come too, until the log is closed.

        Args:
            after: The `seq` of the last event that is already known.

        Raises:
            Exception: What the log was closed with.
        """
        position = max(after, 0)
        while True:
            changed = self._changed
            while position < len(self.events):
                event = self.events[position]
                position += 1
                yield event
            if changed.is_set():
                continue
            if self._closed:
                break
            await changed.wait()
        if self._error is not None:
            raise self._error

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
