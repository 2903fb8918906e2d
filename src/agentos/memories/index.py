"""MEMORY.md: the index, a line for each memory, which agents read first.

It is made again whenever a memory is added; only what stands between its markers is ours.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from agentos.home.reading import read_text
from agentos.home.replacing import replace_file
from agentos.memories.memory import Memory
from agentos.memories.reading import DIRECTORY, PROJECTS, SUFFIX, load_memories

FILE = "MEMORY.md"
BEGIN = "<!-- BEGIN AgentOS: index -->"
END = "<!-- END AgentOS: index -->"
_BLOCK = re.compile(rf"{BEGIN}\r?\n.*?{END}", re.DOTALL)
_MARKER = re.compile(r"<!--(?=\s*(?:BEGIN|END) AgentOS:)")
_MOST_BYTES = 5_000_000


def without_markers(text: str) -> str:
    """Return a text that cannot end the section it stands in: a marker in it is none any more."""
    return _MARKER.sub("<!-- not", text) if "AgentOS:" in text else text


def index_line(memory: Memory, path: str | None = None) -> str:
    """Return a memory's line in an index.

    Args:
        memory: The memory.
        path: Where its file is, from the index; None for no link.
    """
    name = f"[{memory.name}]({path})" if path else memory.name
    return f"- {name} ({memory.type}): {without_markers(memory.description)}"


def index(memories: Iterable[Memory]) -> str:
    """Return an index of memories, by project and name."""
    lines = []
    for project, group in _by_project(memories):
        if project:
            lines += ["", f"## In the project {project}", ""]
        folder = f"{PROJECTS}/{project}/" if project else ""
        lines += [index_line(each, f"{folder}{each.name}{SUFFIX}") for each in group]
    return "\n".join(lines).strip("\n")


def update_indexes(home: Path) -> bool:
    """Bring the index of an AgentOS home up to date.

    Returns:
        Whether it changed.

    Raises:
        ConfigInvalid: A memory, or the index, cannot be read.
    """
    path = home / DIRECTORY / FILE
    block = f"{BEGIN}\n{index(load_memories(home))}\n{END}"
    try:
        old = read_text(path, _MOST_BYTES)
    except FileNotFoundError:
        old = "# Memory\n"
    if _BLOCK.search(old):
        new = _BLOCK.sub(lambda _: block, old, count=1)
    else:
        new = f"{old.rstrip()}\n\n{block}\n"
    if new == old:
        return False
    replace_file(path, new.encode())
    return True


def _by_project(memories: Iterable[Memory]) -> list[tuple[str, Sequence[Memory]]]:
    groups: dict[str, list[Memory]] = {}
    for each in sorted(memories, key=lambda each: (each.project or "", each.name)):
        groups.setdefault(each.project or "", []).append(each)
    return list(groups.items())
