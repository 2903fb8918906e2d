"""A skill as it stands in the AgentOS home."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Skill:
    """A directory with a SKILL.md.

    Attributes:
        name: The directory's, and that of its front matter.
        description: When an agent is to use it, one line.
        path: The directory.
        text: Its SKILL.md, tokens not yet expanded.
        files: Further files, by their path relative to the directory.
        groups: Names under which several are switched together.
        clients: Those that get it; every client if None.
    """

    name: str
    description: str
    path: Path
    text: str
    files: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    clients: frozenset[str] | None = None
