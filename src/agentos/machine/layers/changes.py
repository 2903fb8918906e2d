"""What writable layers changed of the layers below them."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO

from agentos.machine.layers.stack import Found, look_up, names_in, opened_in
from agentos.machine.patch import LARGEST_SHOWN, Change, Entry

#: Bytes of contents that are kept of all changes together.
MOST_KEPT = 64 * 1024 * 1024
_LONGEST_PATH = 4096  # no program of the machine can name more
_CHUNK = 64 * 1024
_UNREADABLE = "it may not be read"


def read_changes(
    uppers: Sequence[int], base: Sequence[int], places: Collection[str] = ()
) -> list[Change]:
    """List what differs between a base and the same with further layers on top, by path.

    Args:
        uppers: Descriptors of the further layers' topmost directories, top layer first.
        base: The same of the base.
        places: Where the machine itself puts directories and, to mount on, empty files.

    Returns:
        Files, links and directories that came, went or changed. A file of the same content and
        the same right to run has not changed.
    """
    reader = _Reader(frozenset(places))
    pending = [_Directory((), tuple(uppers), tuple(base), sees_base=True)]
    while pending:
        pending += reader.compare(pending.pop())
    return sorted(reader.changes.values(), key=lambda change: os.fsencode(change.path))


@dataclass(frozen=True, slots=True)
class _Directory:
    """A directory to compare.

    Attributes:
        path: The names on the way to it.
        uppers: The upper layers that make it up, top first.
        base: The base layers that do.
        sees_base: Whether the base's entries show through the uppers'.
    """

    path: tuple[str, ...]
    uppers: tuple[int, ...]
    base: tuple[int, ...]
    sees_base: bool

    @property
    def is_too_deep(self) -> bool:
        return len(os.fsencode("/".join(self.path))) > _LONGEST_PATH


class _Reader:
    """Collects changes, directory by directory."""

    def __init__(self, places: frozenset[str]) -> None:
        self.changes: dict[str, Change] = {}
        self._places = places
        self._room = MOST_KEPT

    def compare(self, directory: _Directory) -> list[_Directory]:
        """Note what changed in a directory; returns those below to look into."""
        if directory.is_too_deep:
            self._note_unread(directory, "its path is too long")
            return []
        try:
            with (
                opened_in(directory.uppers, directory.path) as uppers,
                opened_in(directory.base, directory.path) as base,
            ):
                return list(self._compare_entries(directory, uppers, base))
        except PermissionError:
            self._note_unread(directory, _UNREADABLE)
            return []

    def _compare_entries(
        self, directory: _Directory, uppers: Mapping[int, int], base: Mapping[int, int]
    ) -> Iterator[_Directory]:
        names = names_in(uppers) if directory.sees_base else names_in(uppers) | names_in(base)
        for name in names:
            path = (*directory.path, name)
            new, old = look_up(uppers, name), look_up(base, name)
            sees_base = directory.sees_base and not new.closed
            if sees_base and new.status is None:
                continue  # it has gone since the directory was listed
            if not (new.is_directory and old.is_directory):
                self._compare_entry("/".join(path), old, new)
            if new.is_directory or old.is_directory:
                yield _Directory(path, new.layers, old.layers, sees_base)

    def _compare_entry(self, path: str, old: Found, new: Found) -> None:
        if old.status is None and path in self._places and _is_bare(new):
            return
        same = _same_content(old, new)
        if same and _may_run(old) == _may_run(new):
            return
        before, after = self._entry(old), self._entry(new)
        if before or after:
            self.changes[path] = Change(path, before, after, content_differs=not same)

    def _entry(self, found: Found) -> Entry | None:
        if found.status is None:
            return None
        mode, size = found.status.st_mode, found.status.st_size
        if stat.S_ISLNK(mode):
            target = found.target()
            return None if target is None else Entry(mode, target)
        if not stat.S_ISREG(mode):
            return Entry(mode)
        if size > LARGEST_SHOWN:
            return Entry(mode, unread=f"it is larger than {LARGEST_SHOWN} bytes")
        if size > self._room:
            return Entry(mode, unread=f"all changes are larger than {MOST_KEPT} bytes")
        try:
            file = found.open()
        except PermissionError:
            return Entry(mode, unread=_UNREADABLE)
        if file is None:
            return None
        with file:
            content = file.read(size)
        self._room -= len(content)
        return Entry(mode, content)

    def _note_unread(self, directory: _Directory, why: str) -> None:
        path = "/".join(directory.path)
        change = self.changes.get(path) or Change(path, Entry(stat.S_IFDIR), Entry(stat.S_IFDIR))
        old, new = (
            replace(entry, unread=why) if entry and entry.is_directory else entry
            for entry in (change.old, change.new)
        )
        self.changes[path] = replace(change, old=old, new=new)


def _is_bare(found: Found) -> bool:
    return found.is_directory or (found.status is not None and found.status.st_size == 0)


def _may_run(found: Found) -> bool:
    return found.status is not None and found.status.st_mode & 0o100 != 0


def _same_content(old: Found, new: Found) -> bool:
    if old.status is None or new.status is None:
        return old.status is new.status
    a, b = old.status, new.status
    if stat.S_IFMT(a.st_mode) != stat.S_IFMT(b.st_mode):
        return False
    if stat.S_ISLNK(a.st_mode):
        return old.target() == new.target()
    if not stat.S_ISREG(a.st_mode):
        return a.st_rdev == b.st_rdev
    return a.st_size == b.st_size and _same_bytes(old, new)


def _same_bytes(old: Found, new: Found) -> bool:
    try:
        a = old.open()
        if a is None:
            return False
        with a:
            b = new.open()
            if b is None:
                return False
            with b:
                return _equal(a, b)
    except PermissionError:
        return False


def _equal(a: BinaryIO, b: BinaryIO) -> bool:
    while (chunk := a.read(_CHUNK)) == b.read(_CHUNK):
        if not chunk:
            return True
    return False
