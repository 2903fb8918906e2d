"""What an agent says, turned into events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agentos.agents.definition import AgentDefinition
from agentos.sessions.event_log import EventLog
from agentos.sessions.permissions import Answer, PermissionDesk, PermissionOption
from agentos.sessions.tool_calls import readable
from agentos.sessions.turn import Turn
from agentos.sessions.updates import is_sound

_MOST_GARBAGE = 10


class Hearing:
    """Listen to an agent on behalf of a session.

    Attributes:
        updates: The ACP updates of the turn that is heard, as they came.
        options: The agent's options as of its last word.
    """

    def __init__(
        self,
        definition: AgentDefinition,
        log: EventLog,
        desk: PermissionDesk,
        options: Sequence[Mapping[str, Any]],
    ) -> None:
        self.updates: list[Mapping[str, Any]] = []
        self.options = options
        self._definition = definition
        self._log = log
        self._desk = desk
        self._turn: Turn | None = None
        self._garbage = 0

    def begin(self, turn: Turn) -> None:
        """Hear what comes as part of a turn."""
        self._turn = turn
        self.updates = []

    def on_update(self, update: Mapping[str, Any]) -> None:
        """Note an ACP update."""
        if not is_sound(update):
            self.on_garbage(
                f"{self._definition.name}: it sent an update that is none: {str(update)[:200]}"
            )
            return
        notice = self._definition.notice(update)
        if notice:
            self.warn(notice)
            return
        self.updates.append(update)
        kind: str = update["sessionUpdate"]
        if kind in ("tool_call", "tool_call_update"):
            self._log.append(kind, readable(update))
            return
        if kind == "config_option_update":
            self.options = update.get("configOptions") or self.options
        data = {key: value for key, value in update.items() if key != "sessionUpdate"}
        self._log.append(kind, data)

    def on_garbage(self, message: str) -> None:
        """Note something that cannot be read; a flood of it only in part."""
        self._garbage += 1
        if self._garbage <= _MOST_GARBAGE:
            self.warn(message)
        elif self._garbage == _MOST_GARBAGE + 1:
            self.warn(f"{self._definition.name}: more of this is not reported")

    async def on_permission(
        self, tool_call: Mapping[str, Any], options: Sequence[PermissionOption]
    ) -> Answer:
        """Answer a permission request; an error of the caller's own function fails the turn."""
        turn = self._turn
        try:
            return await self._desk.answer(tool_call, options)
        except Exception as error:  # noqa: BLE001 - the caller gets its own error from the turn
            if turn is not None:
                turn.failure = error
            return None

    def warn(self, message: str) -> None:
        """Tell whoever reads the events."""
        self._log.append("warning", {"message": message})
