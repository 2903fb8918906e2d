"""What is kept of a session beside its events."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self

from sqlalchemy import Row


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """What is kept of a session beside its events.

    Attributes:
        id: Its id.
        agent: The agent's name.
        machine: The machine's name.
        agent_session: The agent's own id of it.
        parent: The session that it was forked from.
        title: What the agent calls it.
        settings: What it was made with, as plain JSON, and the process that drives it; no
            credentials.
        created: When it was made.
        updated: When the last event came.
        ended: When it was closed; None while it may be resumed where it was.
        last_seq: The number of its last event.
    """

    id: str
    agent: str
    machine: str
    agent_session: str | None = None
    parent: str | None = None
    title: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    updated: datetime = field(default_factory=lambda: datetime.now(UTC))
    ended: datetime | None = None
    last_seq: int = 0

    @classmethod
    def of(cls, row: Row[Any]) -> Self:
        """Read a row of the sessions' table."""
        values = {name: getattr(row, name) for name in cls.__slots__}
        return cls(**values | {"settings": json.loads(row.settings)})

    def as_row(self) -> dict[str, Any]:
        """Return the row of a session that begins."""
        values = {name: getattr(self, name) for name in self.__slots__}
        return values | {"settings": json.dumps(self.settings), "epoch": 1, "compacted_seq": 0}
