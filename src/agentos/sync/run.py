"""The verbs of sync: plan, apply, undo, clean, and what is remembered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from agentos.errors import SyncConflict, SyncError
from agentos.sync.desired import Desired
from agentos.sync.host_files import HostFiles
from agentos.sync.lock import lock
from agentos.sync.merge import Side
from agentos.sync.plan import Choices, Plan
from agentos.sync.planning import make_plan
from agentos.sync.state import State
from agentos.sync.store import Store
from agentos.sync.target import Target, digest_of

if TYPE_CHECKING:
    from agentos.sync.backup import Backup


@dataclass(frozen=True)
class Undo:
    """What an undo would do.

    Attributes:
        backup: What it brings back.
        changed: Files that were changed since.
        plan: The edits.
    """

    backup: Backup
    changed: frozenset[Path]
    plan: Plan


@dataclass(frozen=True)
class Sync:
    """Bring clients' files to what is desired, without losing what others wrote into them.

    Attributes:
        store: What is remembered, and the backups.
        files: Where the clients' files are.

    Example:
        ```
        sync = Sync(Store(state_dir() / "sync"))
        with sync.alone("push"):
            sync.apply(sync.plan([desired]))
        ```
    """

    store: Store
    files: Target = field(default_factory=HostFiles)

    @contextmanager
    def alone(self, doing: str) -> Iterator[None]:
        """Keep other syncs away, and first settle one that was interrupted.

        Args:
            doing: What others are told meanwhile: `push`.

        Raises:
            SyncError: Another sync is under way.
        """
        with lock(self.store.lock, doing):
            self.store.recover(self.files)
            yield

    @property
    def state(self) -> State:
        """What is remembered."""
        return self.store.load(self.files)

    def plan(self, desired: Sequence[Desired], choices: Choices | None = None) -> Plan:
        """Work out what a push would change; nothing is.

        Raises:
            SyncError: A file cannot be read or parsed, or what is to be restored is not known.
        """
        state = self.state
        if choices and choices.restore:
            records = (item for each in desired for item in state.of(each.client).items())
            choices.check_restored([(path, name) for path, it in records for name in it.things])
        return make_plan(desired, state, self.files, choices)

    def plan_clean(self, desired: Sequence[Desired], choices: Choices | None = None) -> Plan:
        """Work out how to remove what is ours and deploy it anew; nothing is changed.

        Raises:
            SyncError: A file cannot be read or parsed.
        """
        from agentos.sync.cleaning import clean_plan

        return clean_plan(desired, self.state, self.files, choices)

    def apply(self, plan: Plan) -> int | None:
        """Carry a plan out, all of it or nothing; only within `alone`.

        Returns:
            The number of the backup that undoes it; None if no file changes.

        Raises:
            SyncConflict: Something has to be chosen first.
            SyncError: A file cannot be written, or has changed since it was planned.
        """
        from agentos.sync.apply import apply

        return apply(plan, self.store, self.files)

    def plan_undo(self, side: Side | None = None) -> Undo:
        """Work out how to bring back what the last apply changed; nothing is changed.

        Args:
            side: As of `undo`.

        Raises:
            SyncError: There is nothing to undo, or a file cannot be read.
        """
        state = self.state
        if state.last == 0:
            raise SyncError("there is nothing to undo", code="no_backup")
        backup = self.store.backup(state.last)
        now = {path: self.files.look(path) for path in backup.files}
        changed = frozenset(
            path
            for path, (before, after) in backup.files.items()
            if now[path] != before and digest_of(now[path]) != after
        )
        kept = changed if side == "theirs" else frozenset[Path]()
        edits = tuple(edit for edit in backup.edits(now) if edit.path not in kept)
        return Undo(backup, changed, Plan(edits=edits, records=backup.records))

    def undo(
        self, *, side: Side | None = None, planned: Undo | None = None, dry_run: bool = False
    ) -> list[Path]:
        """Bring back what the last apply changed; only within `alone`.

        Args:
            side: `ours` brings back files that were changed since, too; `theirs` leaves those.
            planned: What `plan_undo` worked out for that side, if it has.
            dry_run: Whether to change nothing, and only to say which files it would be.

        Returns:
            The files, which are exactly as they were: content, mode, owner, absence, links.

        Raises:
            SyncConflict: Files were changed since, and no side is taken.
            SyncError: There is nothing to undo, or a file cannot be written.
        """
        from agentos.sync.apply import apply

        undo = planned or self.plan_undo(side)
        if undo.changed and side is None:
            names = tuple(map(str, sorted(undo.changed)))
            raise SyncConflict(
                f"{len(names)} files were changed after the sync that is to be undone:"
                f" {', '.join(names)}",
                hint="nothing was changed; --ours brings them back too, --theirs leaves them",
                names=names,
            )
        if not dry_run:
            apply(undo.plan, self.store, self.files, undoes=undo.backup)
        return [edit.path for edit in undo.plan.edits]
