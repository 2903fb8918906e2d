"""Remove what is ours, and deploy it anew: two plans, made into one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from agentos.sync.desired import Desired
from agentos.sync.plan import Change, Choices, Edit, Plan
from agentos.sync.planning import make_plan
from agentos.sync.state import Record, State
from agentos.sync.target import FileState, Reader, digest_of
from agentos.sync.values import same


def clean_plan(
    desired: Sequence[Desired], state: State, files: Reader, choices: Choices | None = None
) -> Plan:
    """Plan to remove what is ours and to deploy it anew.

    What the user removed stays removed, and what they changed is theirs to choose about.
    """
    removal = make_plan([replace(each, owned=()) for each in desired], state, files)
    bare = state.with_records(removal.records, state.last)
    noticed = state.with_records(make_plan(desired, state, files, choices).records, state.last)
    bare = bare.with_records(_with_yielded(desired, noticed, bare), state.last)
    after = _After(files, {edit.path: edit.after for edit in removal.edits})
    return _composed(removal, make_plan(desired, bare, after, choices), desired, state, bare)


@dataclass(frozen=True)
class _After:
    """The files as they will be when a plan is carried out."""

    files: Reader
    changed: Mapping[Path, FileState | None]

    def look(self, path: Path) -> FileState | None:
        return self.changed[path] if path in self.changed else self.files.look(path)

    def real(self, path: Path) -> Path:
        return self.files.real(path)


def _with_yielded(
    desired: Sequence[Desired], state: State, bare: State
) -> dict[str, dict[Path, Record | None]]:
    """Keep in mind what the user has taken over."""
    found: dict[str, dict[Path, Record | None]] = {}
    for client in (each.client for each in desired):
        for path, old in state.of(client).items():
            left = bare.of(client).get(path, Record(format=old.format, marked=old.marked))
            whole = old.whole if old.whole and old.whole.yielded else left.whole
            keys = {**left.keys, **{k: each for k, each in old.keys.items() if each.yielded}}
            sections = {n: each for n, each in old.sections.items() if each.yielded}
            found.setdefault(client, {})[path] = replace(
                left, keys=keys, sections={**left.sections, **sections}, whole=whole
            )
    return found


def _composed(
    removal: Plan, deployment: Plan, desired: Sequence[Desired], state: State, bare: State
) -> Plan:
    """Make one plan of two that follow each other."""
    edits = {edit.path: edit for edit in removal.edits}
    for edit in deployment.edits:
        first = edits.get(edit.path)
        edits[edit.path] = _joined(first, edit) if first else edit
    changed = {path: edit for path, edit in edits.items() if _differs(edit)}
    final = bare.with_records(deployment.records, bare.last)
    records: dict[str, dict[Path, Record | None]] = {}
    before: dict[str, dict[Path, Record | None]] = {}
    for client in (each.client for each in desired):
        old, new = state.of(client), final.of(client)
        paths = [path for path in {**old, **new} if old.get(path) != new.get(path)]
        records[client] = {path: new.get(path) for path in paths}
        before[client] = {path: old.get(path) for path in paths}
    return replace(
        deployment,
        changes=_changes(removal, deployment, set(changed)),
        edits=tuple(changed.values()),
        records=records,
        records_before=before,
    )


def _joined(first: Edit, second: Edit) -> Edit:
    after = second.after
    if first.before and after:
        after = replace(first.before, content=after.content)
    return Edit(first.path, first.before, after)


def _differs(edit: Edit) -> bool:
    return digest_of(edit.before) != digest_of(edit.after)


def _changes(removal: Plan, deployment: Plan, changed: set[Path]) -> tuple[Change, ...]:
    """Say of each thing what becomes of it in the end, if its file changes."""
    found = {(each.client, each.path, each.name): each for each in removal.changes}
    for each in deployment.changes:
        first = found.get((each.client, each.path, each.name))
        found[each.client, each.path, each.name] = (
            replace(each, before=first.before, action="change") if first else each
        )
    return tuple(
        each
        for each in found.values()
        if (each.path in changed or each.action == "keep") and not same(each.before, each.after)
    )
