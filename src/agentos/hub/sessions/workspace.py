"""What a session made of its workspace: the difference, and bringing it back to the host."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from agentos.hub.errors import Refused
from agentos.hub.machines.owned import OwnedMachine
from agentos.hub.sessions.models import Applied, FileChange, SessionDiff
from agentos.machine.workspace import Change, WorkspaceConflict

_WORDS = {"added": "added", "modified": "changed", "deleted": "deleted"}


async def diff(machine: OwnedMachine, most: int) -> SessionDiff:
    """Compare a machine's workspace with what was copied in.

    Args:
        machine: The machine.
        most: Characters of the patch.
    """
    changes = await machine.copy.changes()
    return await asyncio.to_thread(_diff, changes, most)


async def apply(machine: OwnedMachine) -> Applied:
    """Make the host's directory as the machine's: all of it, or nothing.

    Raises:
        Refused: The machine has no directory of the host.
        MachineError: A change would reach outside of the directory.
    """
    if machine.made_of.workspace is None:
        message = "the machine began without a directory of the host"
        hint = "begin the session with `workspace`, or read the diff"
        raise Refused(409, "no_workspace", message, hint=hint)
    async with machine.applying:
        changes = await machine.copy.changes()
        try:
            await machine.copy.apply(changes)
        except WorkspaceConflict as conflict:
            return Applied(written=[], conflicts=[shown(path) for path in conflict.paths])
    return Applied(written=[shown(change.path) for change in changes], conflicts=[])


def shown(path: str) -> str:
    """Write a path of any bytes as text."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _diff(changes: Sequence[Change], most: int) -> SessionDiff:
    told: list[FileChange] = []
    parts: list[str] = []
    left = most
    for change in changes:
        text = shown(change.diff())
        added, removed = _counts(text)
        told.append(
            FileChange.model_validate(
                {
                    "path": shown(change.path),
                    "change": _WORDS[change.kind],
                    "added": added,
                    "removed": removed,
                }
            )
        )
        parts.append(text[: max(left, 0)])
        left -= len(text)
    return SessionDiff(changes=told, patch="".join(parts), truncated=left < 0)


def _counts(patch: str) -> tuple[int, int]:
    """Count the lines that came and went; the head of a patch has none."""
    _, _, body = patch.partition("\n@@")
    lines = body.splitlines()[1:] if body else []
    return sum(one.startswith("+") for one in lines), sum(one.startswith("-") for one in lines)
