"""A memory as it stands in the AgentOS home."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

MemoryType = Literal["user", "feedback", "project", "reference"]


@dataclass(frozen=True)
class Memory:
    """One thing to know.

    Attributes:
        name: Its file's, without the suffix.
        type: What it is about; `feedback` is a correction, or an approach that was confirmed.
        description: One line, which stands in the index.
        text: The body.
        project: Where it holds; everywhere if None.
        client: Which client wrote it; None for the user.
        written: When.
    """

    name: str
    type: MemoryType
    description: str
    text: str
    project: str | None = None
    client: str | None = None
    written: datetime | None = None
