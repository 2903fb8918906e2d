"""From what is desired, what is remembered and what is there to a plan; nothing is changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from agentos.errors import SyncError
from agentos.sync.desired import Desired, KeyPath, Owned, OwnedFile, OwnedKeys, OwnedSection
from agentos.sync.draft import Draft
from agentos.sync.plan import Choices, Plan
from agentos.sync.state import Record, State
from agentos.sync.target import Reader

_NOTHING = Record()


def make_plan(
    desired: Sequence[Desired], state: State, files: Reader, choices: Choices | None = None
) -> Plan:
    """Work out what a sync would change.

    Args:
        desired: What is to stand in the files of each client; others are left alone.
        state: What was last applied.
        files: What is there.
        choices: What the user chose about conflicts.

    Raises:
        SyncError: A file cannot be read or parsed, or two parts do not go together.
    """
    drafts = _Drafts(files, choices or Choices())
    wanted = {each.client: _by_path(each) for each in desired}
    _check_names(wanted.values())
    records: dict[str, dict[Path, Record | None]] = {}
    before: dict[str, dict[Path, Record | None]] = {}
    for client, parts in wanted.items():
        known = state.of(client)
        for path in [*parts, *(path for path in known if path not in parts)]:
            old = known.get(path, _NOTHING)
            claims = _Claims.of_others(client, path, old, parts.get(path, []), wanted, state)
            new = _owned(client, drafts.at(path), parts.get(path, []), old, claims)
            if (new or old) and new != old:
                records.setdefault(client, {})[path] = new or None
                before.setdefault(client, {})[path] = old or None
    found = drafts.all()
    return Plan(
        changes=tuple(change for draft in found for change in draft.changes),
        conflicts=tuple(conflict for draft in found for conflict in draft.conflicts),
        edits=tuple(draft.edit for draft in found if draft.edit),
        records=records,
        records_before=before,
        roots=tuple(root for each in desired for root in each.roots),
        warnings=tuple(f"{each.client}: {word}" for each in desired for word in each.warnings),
    )


@dataclass
class _Drafts:
    """One draft for each file, whatever names lead to it."""

    files: Reader
    choices: Choices
    _drafts: dict[Path, Draft] = field(default_factory=dict)
    _directories: dict[Path, Path] = field(default_factory=dict)

    def at(self, path: Path) -> Draft:
        found = self.files.look(path)
        if found and found.link is not None:
            real = self.files.real(path)
        else:
            real = self._directory(path.parent) / path.name
        draft = self._drafts.get(real)
        if draft is None:
            draft = self._drafts[real] = Draft(path, found, self.choices)
        return draft

    def all(self) -> list[Draft]:
        return list(self._drafts.values())

    def _directory(self, path: Path) -> Path:
        real = self._directories.get(path)
        if real is None:
            real = self._directories[path] = self.files.real(path)
        return real


@dataclass(frozen=True)
class _Claims:
    """What other clients have in a file: it does not go when this one no longer wants it."""

    whole: bool = False
    keys: frozenset[KeyPath] = frozenset()
    sections: frozenset[str] = frozenset()

    @classmethod
    def of_others(
        cls,
        client: str,
        path: Path,
        old: Record,
        parts: list[Owned],
        wanted: Mapping[str, Mapping[Path, list[Owned]]],
        state: State,
    ) -> _Claims:
        if not old or (old.whole and any(isinstance(part, OwnedFile) for part in parts)):
            return cls()  # nothing goes
        others = [each.get(path, []) for name, each in wanted.items() if name != client]
        records = [
            files[path]
            for name, files in state.records.items()
            if name not in wanted and path in files
        ]
        owned = [part for each in others for part in each]
        return cls(
            any(isinstance(part, OwnedFile) for part in owned) or any(r.whole for r in records),
            frozenset(key for part in owned if isinstance(part, OwnedKeys) for key in part.values)
            | frozenset(key for record in records for key in record.keys),
            frozenset(part.name for part in owned if isinstance(part, OwnedSection))
            | frozenset(name for record in records for name in record.sections),
        )


def _owned(client: str, draft: Draft, parts: list[Owned], old: Record, claims: _Claims) -> Record:
    new = old
    whole = next((part for part in parts if isinstance(part, OwnedFile)), None)
    if whole or old.whole:
        new = draft.own_whole(client, whole, new, shared=claims.whole)
    keys = [part for part in parts if isinstance(part, OwnedKeys)]
    if keys or old.keys:
        new = draft.own_keys(client, keys, new, claims.keys)
    sections = [part for part in parts if isinstance(part, OwnedSection)]
    if sections or old.sections:
        new = draft.own_sections(client, sections, new, claims.sections)
    return new


def _by_path(desired: Desired) -> dict[Path, list[Owned]]:
    parts: dict[Path, list[Owned]] = {}
    for part in desired.owned:
        parts.setdefault(part.path, []).append(part)
    for path, there in parts.items():
        if len(there) > 1 and any(isinstance(part, OwnedFile) for part in there):
            message = f"{path}: {desired.client} owns it as a whole, and a second time"
            raise SyncError(message, code="owned_twice", path=str(path))
    return parts


def _check_names(wanted: Iterable[Iterable[Path]]) -> None:
    """Refuse names that are one file where case does not count."""
    seen: dict[str, Path] = {}
    for path in (path for paths in wanted for path in paths):
        other = seen.setdefault(str(path).casefold(), path)
        if other != path:
            raise SyncError(
                f"{path}: its name differs from that of {other} only in case",
                code="names_collide",
                path=str(path),
                hint="nothing was changed; rename one of them",
            )
