"""Carry a plan out: all of it or nothing, and at any interruption each file whole."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from pathlib import Path

from agentos.errors import SyncError
from agentos.sync.backup import Backup
from agentos.sync.journal import Journal, clear_away, digests
from agentos.sync.plan import Edit, Plan
from agentos.sync.store import Store
from agentos.sync.target import Target


def apply(plan: Plan, store: Store, files: Target, *, undoes: Backup | None = None) -> int | None:
    """Change the files as planned, and remember it. The caller holds the lock.

    Args:
        plan: What to do; nothing in it is left to be chosen.
        store: Where the backup goes.
        files: Where the clients' files are.
        undoes: The backup that the plan brings back; then no other is made.

    Returns:
        The number of the backup; None if no file changes.

    Raises:
        SyncConflict: The user has to choose first.
        SyncError: A file cannot be written, or has changed since the plan was made; all files are
            as they were.
    """
    plan.check_chosen()
    state = store.load(files)
    if not plan.edits:
        if plan.records or undoes:
            store.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            last = undoes.number - 1 if undoes else state.last
            store.save(state.with_records(plan.records, last))
        return None
    number = undoes.number if undoes else state.last + 1
    directories = _directories(plan, files)
    journal = Journal(
        number,
        number - 1 if undoes else number,
        f".agentos-{secrets.token_hex(4)}",
        digests(plan.edits),
        tuple(path for path, mode in directories.items() if mode is None),
        _emptied(plan, undoes),
        plan.records,
    )
    store.begin(None if undoes else Backup.of(plan, number, directories), journal)
    done: list[Edit] = []
    try:
        _stage(plan.edits, journal, files, undoes)
        for edit in plan.edits:
            _carry_out(edit, journal.suffix, files, done)
        files.settle((*journal.directories, *(edit.path for edit in plan.edits)))
    except BaseException:
        for edit in reversed(done):
            _take_back(edit, journal.suffix, files)
        clear_away(journal, files)
        store.end()
        raise
    store.save(state.with_records(plan.records, journal.last))
    for directory in journal.emptied:
        files.remove_directory(directory)
    store.end()
    return number


def _directories(plan: Plan, files: Target) -> dict[Path, int | None]:
    """Find the directories that an apply makes (None), and the modes of those it may remove."""
    found: dict[Path, int | None] = {}
    for parent in dict.fromkeys(edit.path.parent for edit in plan.edits if edit.after):
        missing = []
        for each in (parent, *parent.parents):
            if each in found or files.directory_mode(each) is not None:
                break
            missing.append(each)
        found |= dict.fromkeys(reversed(missing))
    for edit in plan.edits:
        if edit.after is None:
            found |= {each: files.directory_mode(each) for each in _removable(edit.path, plan)}
    return found


def _stage(edits: Iterable[Edit], journal: Journal, files: Target, undoes: Backup | None) -> None:
    modes = undoes.directories if undoes else {}
    for directory in journal.directories:
        files.make_directory(directory, modes.get(directory) or 0o777)
    staged = []
    for edit in edits:
        if edit.after and not _relinks(edit):
            files.stage(edit.path, edit.after, journal.suffix)
            staged.append(edit.path)
    files.settle(staged, journal.suffix)


def _carry_out(edit: Edit, suffix: str, files: Target, done: list[Edit]) -> None:
    if files.look(edit.path) != edit.before:
        raise SyncError(
            f"{edit.path} has changed since the plan was made",
            code="changed_meanwhile",
            path=str(edit.path),
            hint="nothing was changed; sync again",
            retryable=True,
        )
    done.append(edit)
    if edit.after is None:
        files.remove(edit.path)
    elif _relinks(edit):
        files.link(edit.path, edit.after.link or "")
    else:
        files.place(edit.path, suffix)


def _relinks(edit: Edit) -> bool:
    """Whether a symbolic link comes back; its target was never touched."""
    return edit.before is None and edit.after is not None and edit.after.link is not None


def _take_back(edit: Edit, suffix: str, files: Target) -> None:
    now = files.look(edit.path)
    if now == edit.before:
        return
    if edit.before is None:
        files.remove(edit.path)
    elif now is None and edit.before.link is not None:
        files.link(edit.path, edit.before.link)
    else:
        files.unstage(edit.path, suffix)
        files.stage(edit.path, edit.before, suffix)
        files.place(edit.path, suffix)


def _emptied(plan: Plan, undoes: Backup | None) -> tuple[Path, ...]:
    """Find the directories that may go when nothing is in them, innermost first."""
    found = {
        each for edit in plan.edits if edit.after is None for each in _removable(edit.path, plan)
    }
    if undoes:
        found |= {path for path, mode in undoes.directories.items() if mode is None}
    return tuple(sorted(found, key=lambda path: -len(path.parts)))


def _removable(path: Path, plan: Plan) -> list[Path]:
    """List the directories above a file that may go when they are empty, innermost first."""
    roots = set(plan.roots)
    above = list(path.parents)
    outermost = max((place for place, each in enumerate(above) if each in roots), default=-1)
    return above[: outermost + 1]
