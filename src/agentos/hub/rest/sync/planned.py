"""A plan as its owner looks at it: file by file, what changes and what has to be chosen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from agentos.hub.rest.sync.answers import (
    MOST_TEXT,
    Content,
    FileDiff,
    OpenConflict,
    PlannedChange,
    PlannedFile,
    Yielded,
    printable,
    shown,
)
from agentos.sync.deployment import Deployment
from agentos.sync.desired import OwnedFile
from agentos.sync.diff import text_of
from agentos.sync.plan import Change, Conflict, Plan
from agentos.sync.state import Record
from agentos.sync.target import FileState, Reader
from agentos.sync.values import ABSENT, Obstacle, show


def planned_files(
    plan: Plan, deployed: Sequence[Deployment], files: Reader
) -> list[tuple[str, PlannedFile]]:
    """Return what a plan does to each file, by its path; those with conflicts come first."""
    edits = {edit.path: edit for edit in plan.edits}
    changes: dict[Path, list[Change]] = {}
    conflicts: dict[Path, list[Conflict]] = {}
    for change in plan.changes:
        changes.setdefault(change.path, []).append(change)
    for conflict in plan.conflicts:
        conflicts.setdefault(conflict.path, []).append(conflict)
    whole = {
        part.path: part
        for each in deployed
        for part in each.desired.owned
        if isinstance(part, OwnedFile)
    }
    paths = sorted({*edits, *changes, *conflicts}, key=lambda path: (path not in conflicts, path))
    return [
        (
            shown(path),
            PlannedFile(
                **FileDiff.fields(path, edits.get(path)),
                changes=[_change(each) for each in changes.get(path, ())],
                conflicts=[
                    _conflict(each, whole.get(path), files) for each in conflicts.get(path, ())
                ],
            ),
        )
        for path in paths
    ]


def yielded_things(records: Iterable[tuple[str, Path, Record]]) -> list[Yielded]:
    """Return what was ours and is the user's now."""
    return [
        Yielded(client=client, path=shown(path), name=printable(name))
        for client, path, record in records
        for name in record.yielded
    ]


def _change(change: Change) -> PlannedChange:
    named = bool(change.name)  # of whole files the diff tells
    return PlannedChange(
        client=change.client,
        name=printable(change.name),
        action=change.action,
        moved=change.moved,
        before=_content(change.before) if named else None,
        after=_content(change.after) if named else None,
    )


def _conflict(conflict: Conflict, ours: OwnedFile | None, files: Reader) -> OpenConflict:
    if conflict.name:
        sides = (_content(conflict.ours), _content(conflict.theirs))
    else:
        wanted = FileState(ours.content) if ours and conflict.ours is not ABSENT else None
        sides = (_file(wanted), _file(files.look(conflict.path)))
    return OpenConflict(
        client=conflict.client,
        name=printable(conflict.name),
        moved=conflict.moved,
        ours=sides[0],
        theirs=sides[1],
    )


def _content(value: Any) -> Content:
    if value is ABSENT:
        return Content(there=False, text=None)
    text = value if isinstance(value, str) and "\n" in value else show(value)
    if isinstance(value, Obstacle):
        text = show(value)
    return _cut(text)


def _file(state: FileState | None) -> Content:
    if state is None:
        return Content(there=False, text=None)
    text = text_of(state)
    return Content(there=True, text=None) if text is None else _cut(text)


def _cut(text: str) -> Content:
    text = printable(text)
    return Content(there=True, text=text[:MOST_TEXT], cut=len(text) > MOST_TEXT)
