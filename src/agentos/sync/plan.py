"""A plan: what a sync would change, and what the user has to choose first."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from agentos.errors import SyncConflict, SyncError
from agentos.sync.merge import Moved, Side
from agentos.sync.state import Record
from agentos.sync.target import FileState

Action = Literal["add", "change", "remove", "keep"]


def thing(path: Path, name: str) -> str:
    """Name a key or a section of a file, or the whole of it."""
    return f"{path}: {name}" if name else str(path)


@dataclass(frozen=True)
class Change:
    """One thing that a sync would change.

    Attributes:
        client: Whose it is.
        path: The file.
        name: The key, the section, or nothing if the whole file is meant.
        action: `keep` changes nothing: the user's removal or choice is remembered.
        moved: Which side changed since the last sync.
        before: What stands there: a value, a section's text, a file's digest; or `ABSENT`.
        after: What will.
    """

    client: str
    path: Path
    name: str
    action: Action
    moved: Moved
    before: Any
    after: Any


@dataclass(frozen=True)
class Conflict:
    """One thing that the user has to choose about.

    Attributes:
        client, path, name: As of a `Change`.
        moved: `FILE` if only the user changed it, `BOTH` if the source did too or it is older
            than the first sync.
        ours: What is desired, or `ABSENT`.
        theirs: What stands in the file.
    """

    client: str
    path: Path
    name: str
    moved: Moved
    ours: Any
    theirs: Any

    def __str__(self) -> str:
        return thing(self.path, self.name)


@dataclass(frozen=True)
class Choices:
    """What the user chose.

    Attributes:
        side: Whose side all conflicts take.
        sides: Whose side single ones take, by `str(conflict)`.
        restore: Keys, sections or files that the user removed and wants again.
        only: The single things, by `str(conflict)`, that are synced; all if None.
    """

    side: Side | None = None
    sides: Mapping[str, Side] = field(default_factory=dict)
    restore: frozenset[str] = frozenset()
    only: frozenset[str] | None = None

    def of(self, path: Path, name: str) -> Side | None:
        """Whose side a conflict takes."""
        return self.sides.get(thing(path, name), self.side)

    def leaves(self, path: Path, name: str) -> bool:
        """Whether something stays as it is, whoever changed it."""
        return self.only is not None and thing(path, name) not in self.only

    def restores(self, path: Path, name: str) -> bool:
        """Whether something that was removed is wanted again."""
        return any(_is_meant(wanted, path, name) for wanted in self.restore)

    def check_restored(self, things: Collection[tuple[Path, str]]) -> None:
        """Raise `SyncError` if something is wanted again that is none of these."""
        for wanted in sorted(self.restore):
            if not any(_is_meant(wanted, path, name) for path, name in things):
                raise SyncError(
                    f"nothing that AgentOS deployed is called {wanted!r}",
                    code="nothing_to_restore",
                    hint="name a key with the tables it is in, a section, or a file;"
                    " `agentos sync status` lists what you removed or changed",
                )


def _is_meant(wanted: str, path: Path, name: str) -> bool:
    return wanted in (name, str(path), path.name) or name.startswith(f"{wanted}.")


@dataclass(frozen=True)
class Edit:
    """What a file is, and what it will be; None is no file."""

    path: Path
    before: FileState | None
    after: FileState | None


@dataclass(frozen=True)
class Plan:
    """What a sync would do.

    Attributes:
        changes: Each thing that changes, or that is remembered.
        conflicts: What has to be chosen first.
        edits: The files.
        records: What will be remembered, by client and file; None is forgotten.
        records_before: What is remembered now, of the same.
        roots: Directories that may go when they are empty.
        warnings: What clients cannot have.
    """

    changes: tuple[Change, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    edits: tuple[Edit, ...] = ()
    records: Mapping[str, Mapping[Path, Record | None]] = field(default_factory=dict)
    records_before: Mapping[str, Mapping[Path, Record | None]] = field(default_factory=dict)
    roots: tuple[Path, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def in_sync(self) -> bool:
        """Whether there is nothing to change and nothing to choose."""
        return not (self.changes or self.conflicts)

    def check_chosen(self) -> None:
        """Raise `SyncConflict` if something has to be chosen first."""
        if self.conflicts:
            names = tuple(map(str, self.conflicts))
            things = "1 thing" if len(names) == 1 else f"{len(names)} things"
            raise SyncConflict(
                f"{things} changed on both sides, or in the file alone: {', '.join(names[:5])}",
                hint="nothing was changed; look at `agentos sync diff`, then choose: --ours takes"
                " what AgentOS has, --theirs leaves what stands in the file",
                names=names,
            )
