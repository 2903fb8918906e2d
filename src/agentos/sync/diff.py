"""A plan as a diff, for people."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from agentos.sync.formats import Malformed
from agentos.sync.plan import Edit, Plan
from agentos.sync.target import FileState
from agentos.sync.text import Text


def diff(plan: Plan) -> str:
    """Write what a plan does to each file, as a unified diff."""
    return "".join(line for edit in plan.edits for line in diff_lines(edit))


def diff_lines(edit: Edit) -> Iterator[str]:
    """Yield what becomes of one file, as lines of a unified diff."""
    before, after = text_of(edit.before), text_of(edit.after)
    if before is None or after is None:
        yield f"{edit.path}: binary content changes\n"
        return
    old = "/dev/null" if edit.before is None else str(edit.path)
    new = "/dev/null" if edit.after is None else str(edit.path)
    lines = difflib.unified_diff(before.splitlines(True), after.splitlines(True), old, new)
    for line in lines:
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def text_of(state: FileState | None) -> str | None:
    """Return the text of a file, empty where there is none; None if it is no text."""
    if state is None:
        return ""
    try:
        return Text.decode(state.content).text
    except Malformed:
        return None
