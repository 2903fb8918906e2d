"""What a client is to know now: the active project decides."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from agentos.home.projects import Project, active_project
from agentos.memories.memory import Memory
from agentos.memories.reading import load_memories, memories_for


def current_memories(
    home: Path, projects: Sequence[Project], client: str = "", *, state: Path | None = None
) -> tuple[Memory, ...]:
    """Return the memories that a client gets: what holds everywhere, and in its active project.

    Whoever hands memories to a client takes them from here.

    Args:
        home: The AgentOS home.
        projects: Those of `agentos.toml`.
        client: The client, such as `codex`.
        state: The state directory, if it is not the usual one.

    Raises:
        ConfigInvalid: A memory cannot be read, or the active project is not registered any more.
    """
    active = active_project(projects, client, state)
    return memories_for(load_memories(home), active.name if active else None)
