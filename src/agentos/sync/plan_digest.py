"""A name for what a sync would do, by which it is told whether the world has moved since."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import astuple, replace

from agentos.sync.plan import Edit, Plan
from agentos.sync.pull import Pulled
from agentos.sync.run import Undo
from agentos.sync.state import encode_records
from agentos.sync.target import FileState, digest
from agentos.sync.values import show


def plan_digest(verb: str, plan: Plan) -> str:
    """Name what a push or clean would do: other files, choices or records give another name."""
    return _named(
        verb,
        [_edit(edit) for edit in plan.edits],
        [[str(each), each.client, show(each.ours), show(each.theirs)] for each in plan.conflicts],
        encode_records(plan.records),
        encode_records(plan.records_before),
    )


def undo_digest(undo: Undo) -> str:
    """Name what an undo would do."""
    changed = sorted(map(str, undo.changed))
    return _named("undo", undo.backup.number, changed, [_edit(edit) for edit in undo.plan.edits])


def pull_digest(pulled: Iterable[Pulled]) -> str:
    """Name what a pull would bring."""
    found = [
        [each.client, {str(place): digest(content) for place, content in each.files.items()}]
        for each in pulled
    ]
    return _named("pull", found)


def _named(*parts: object) -> str:
    return digest(json.dumps(parts, sort_keys=True).encode())[:32]


def _edit(edit: Edit) -> list[object]:
    return [str(edit.path), _file(edit.before), _file(edit.after)]


def _file(state: FileState | None) -> object:
    if state is None:
        return None
    bare = replace(state, content=b"")
    return [hashlib.sha256(state.content).hexdigest(), *astuple(bare)[1:]]
