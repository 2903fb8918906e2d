"""The turns that wait, and the one that runs."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from agentos.errors import AgentOsError
from agentos.sessions.event_log import EventLog
from agentos.sessions.events import SessionEvent
from agentos.sessions.recalling import settle, turn_of
from agentos.sessions.turn import Turn

if TYPE_CHECKING:
    from agentos.sessions.past import Past


class TurnQueue:
    """Number the prompts of a session and hand them out in order.

    Args:
        log: Where the turns' events are.
        past: What the session had before it was resumed.

    Attributes:
        current: The turn that runs.
    """

    def __init__(self, log: EventLog, past: Past | None = None) -> None:
        self.current: Turn | None = None
        self._log = log
        self._count = past.turns if past else 0
        self._kept = {e.data["idempotency_key"]: e for e in (past.keyed if past else ())}
        self._recalling: set[asyncio.Task[None]] = set()
        self._waiting: deque[Turn] = deque()
        self._keyed: dict[str, Turn] = {}
        self._over: WeakValueDictionary[str, Turn] = WeakValueDictionary()

    @property
    def waiting(self) -> tuple[Turn, ...]:
        """The turns that have not begun, the next one first."""
        return tuple(self._waiting)

    @property
    def nearest(self) -> Turn | None:
        """The turn that runs, else the next one."""
        return self.current or (self._waiting[0] if self._waiting else None)

    def known(self, key: str, prompt: Sequence[Mapping[str, Any]]) -> Turn | None:
        """Return the turn that was queued with a key before.

        Raises:
            AgentOsError: (`idempotency_key_reused`) It had another prompt.
        """
        turn = self._keyed.get(key) or self._over.get(key) or self._recall(key)
        if turn is not None and list(turn.prompt) != list(prompt):
            raise AgentOsError(
                f"the idempotency key {key!r} was used for another prompt, that of turn"
                f" {turn.number}",
                code="idempotency_key_reused",
                hint="use a key of its own for each prompt",
            )
        return turn

    def _recall(self, key: str) -> Turn | None:
        """Return a turn that is over, perhaps played by an earlier process."""
        started = self._kept.get(key)
        if started is None:
            return None
        turn = self._over[key] = turn_of(started, self._log)
        task = asyncio.create_task(settle(turn, self._log))
        self._recalling.add(task)
        task.add_done_callback(self._recalling.discard)
        return turn

    async def recalled(self) -> None:
        """Wait until what is being recalled is."""
        if self._recalling:
            await asyncio.wait(self._recalling)

    def add(self, prompt: Sequence[Mapping[str, Any]], key: str | None = None) -> Turn:
        """Queue a prompt."""
        self._count += 1
        turn = Turn(self._count, prompt, self._log, key=key)
        if key is not None:
            self._keyed[key] = turn
        self._waiting.append(turn)
        return turn

    def begin(self) -> Turn | None:
        """Make the next turn the current one; None if there is none."""
        self.current = self._waiting.popleft() if self._waiting else None
        return self.current

    def end(self, turn: Turn, started: SessionEvent) -> None:
        """Let go of the turn that ran, with all its events; what it was can be read again.

        One that failed stays, so that who sends it again gets the same error.
        """
        self.current = None
        if turn.key is not None and turn.succeeded:
            self._kept[turn.key] = started
            self._over[turn.key] = self._keyed.pop(turn.key)

    def fail(self, error: Exception) -> None:
        """End every turn that has not ended."""
        for turn in (self.current, *self._waiting):
            if turn is not None:
                turn.fail(error)
        self.current = None
        self._waiting.clear()
