"""The memories as a section of AGENTS.md or CLAUDE.md, of a bounded size."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from agentos.memories.index import index_line, without_markers
from agentos.memories.memory import Memory
from agentos.memories.reading import full_name

#: Bytes. Codex reads 32 KiB of a project's AGENTS.md, and every prompt pays for it.
BUDGET = 16_000
_HEADING = "## What you know from before"
_MORE = "- ... and {} more: agentos memory list"
#: Corrections first: not to know them is to make the same mistake again.
_IMPORTANCE = {"feedback": 0, "user": 1, "project": 2, "reference": 3}


def section(memories: Iterable[Memory], budget: int = BUDGET) -> str:
    """Return a text that tells an agent what to know.

    It begins with a line for each memory, the most important first, as far as there is room; then
    come those that fit as a whole. The same memories give the same text, in whichever order.

    Args:
        memories: What holds for this client now.
        budget: How many bytes of UTF-8 it may have.

    Returns:
        The section, with its heading; nothing if there are no memories or no room.
    """
    ranked = sorted(memories, key=_rank)
    if not ranked:
        return ""
    lines = _index(ranked, budget - len(f"{_HEADING}\n\n".encode()))
    if not lines:
        return ""
    text = f"{_HEADING}\n\n" + "".join(f"{line}\n" for line in lines)
    room = budget - len(text.encode())
    for each in ranked:
        whole = f"\n### {full_name(each)}\n\n{without_markers(each.text.strip())}\n"
        size = len(whole.encode())
        if size <= room:
            text += whole
            room -= size
    return text


def _rank(memory: Memory) -> tuple[object, ...]:
    """By type, the newest first; those of a project before what holds everywhere."""
    age = -memory.written.timestamp() if memory.written else 0.0
    return _IMPORTANCE[memory.type], memory.project is None, age, full_name(memory), memory.text


def _index(ranked: Sequence[Memory], room: int) -> list[str]:
    lines = [index_line(each) for each in ranked]
    sizes = [len(line.encode()) + 1 for line in lines]
    if sum(sizes) <= room:
        return lines
    room -= len(_MORE.format(len(lines))) + 1
    count = 0
    while count < len(lines) and sizes[count] <= room:
        room -= sizes[count]
        count += 1
    return [*lines[:count], _MORE.format(len(lines) - count)] if count else []
