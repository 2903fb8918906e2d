"""File changes as old and new text: Codex tells of an update only its unified diff."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from agentos.errors import MachineError
from agentos.sessions.codex.messages import FileUpdateChange

#: A line as Codex parts them: Python would part at form feeds too.
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
ReadText = Callable[[str], Awaitable[str]]


async def diffs_of(changes: Sequence[FileUpdateChange], read: ReadText) -> list[dict[str, Any]]:
    """Describe changes that were made as ACP diff blocks.

    Args:
        changes: As Codex tells them.
        read: Reads a file as it is now.
    """
    return [await _diff(change, read) for change in changes]


async def _diff(change: FileUpdateChange, read: ReadText) -> dict[str, Any]:
    kind, path = str(change["kind"].get("type")), change["path"]
    block: dict[str, Any] = {"type": "diff", "path": path, "_meta": {"kind": kind}}
    if kind == "add":
        return block | {"oldText": None, "newText": change["diff"]}
    if kind == "delete":
        return block | {"oldText": change["diff"], "newText": ""}
    moved = change["kind"].get("move_path")
    try:
        new = await read(moved or path)
        old = undone(new, change["diff"])
    except (OSError, ValueError, MachineError):
        # Something else has changed it since, or it is no text: the diff itself is what is known.
        return block | {"oldText": None, "newText": change["diff"], "_meta": {"kind": "patch"}}
    return block | {"oldText": old, "newText": new} | ({"path": moved} if moved else {})


def undone(text: str, diff: str) -> str:
    """Take a unified diff back from the text that it led to.

    Raises:
        ValueError: The text is not what the diff leads to.
    """
    lines = _LINE.findall(text)
    result: list[str] = []
    position = 0
    for start, removed, added in _hunks(diff):
        if start < position or lines[start : start + len(added)] != added:
            raise ValueError("the text is not what the diff leads to")
        result += lines[position:start] + removed
        position = start + len(added)
    return "".join(result + lines[position:])


def _hunks(diff: str) -> list[tuple[int, list[str], list[str]]]:
    """Return of each hunk where it begins in the new text, its old lines and its new ones."""
    hunks: list[tuple[int, list[str], list[str]]] = []
    sides: tuple[list[str], ...] = ()
    for line in _LINE.findall(diff):
        if line.startswith("@@"):
            hunks.append((_start(line), [], []))
        elif not hunks:
            continue  # the names of the files
        elif line.startswith("\\"):
            for side in sides:
                side[-1] = side[-1].removesuffix("\n")
        else:
            _, old, new = hunks[-1]
            sides = {"-": (old,), "+": (new,)}.get(line[:1], (old, new))
            for side in sides:
                side.append(line[1:])
    return hunks


def _start(header: str) -> int:
    """Read where a hunk begins in the new text, from 0; `@@ -1,2 +3,4 @@` begins at 2."""
    place, _, count = header.split("+", 1)[1].split(" ", 1)[0].partition(",")
    return int(place) - (count != "0")
