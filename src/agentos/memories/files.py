"""The memories as files, for clients that take files."""

from __future__ import annotations

from collections.abc import Iterable

from agentos.memories.index import FILE, index
from agentos.memories.memory import Memory
from agentos.memories.reading import PROJECTS, SUFFIX
from agentos.memories.writing import memory_text


def files(memories: Iterable[Memory]) -> dict[str, bytes]:
    """Return a file for each memory, and the index.

    Args:
        memories: What the client is to have.

    Returns:
        The files by their path: `NAME.md`, `projects/PROJECT/NAME.md`, `MEMORY.md`. Nothing if
        there are no memories.
    """
    memories = tuple(memories)
    if not memories:
        return {}
    found = {FILE: f"# Memory\n\n{index(memories)}\n".encode()}
    for each in memories:
        folder = f"{PROJECTS}/{each.project}/" if each.project else ""
        found[f"{folder}{each.name}{SUFFIX}"] = memory_text(each).encode()
    return found
