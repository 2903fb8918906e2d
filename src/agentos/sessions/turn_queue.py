"""The turns that wait, and the one that runs."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from agentos.sessions.event_log import EventLog
from agentos.sessions.turn import Turn


class TurnQueue:
    """Number the prompts of a session and hand them out in order.

    Args:
        log: Where the turns' events are.
        count: How many turns the session has had.

    Attributes:
        current: The turn that runs.
    """

    def __init__(self, log: EventLog, count: int = 0) -> None:
        self.current: Turn | None = None
        self._log = log
        self._count = count
        self._waiting: deque[Turn] = deque()

    @property
    def waiting(self) -> tuple[Turn, ...]:
        """The turns that have not begun, the next one first."""
        return tuple(self._waiting)

    @property
    def nearest(self) -> Turn | None:
        """The turn that runs, else the next one."""
        return self.current or (self._waiting[0] if self._waiting else None)

    def add(self, prompt: Sequence[Mapping[str, Any]]) -> Turn:
        """Queue a prompt."""
        self._count += 1
        turn = Turn(self._count, prompt, self._log)
        self._waiting.append(turn)
        return turn

    def begin(self) -> Turn | None:
        """Make the next turn the current one; None if there is none."""
        self.current = self._waiting.popleft() if self._waiting else None
        return self.current

    def fail(self, error: Exception) -> None:
        """End every turn that has not ended."""
        for turn in (self.current, *self._waiting):
            if turn is not None:
                turn.fail(error)
        self.current = None
        self._waiting.clear()
