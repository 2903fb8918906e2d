"""What a machine changed in its files of objects.

The machine may go on changing them meanwhile, and it may mean harm: no link of it is followed, and
nothing but regular files is opened.
"""

from __future__ import annotations

import dataclasses
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from agentos.machine.mounts.objects.base import Base, sure_mark_of
from agentos.machine.mounts.objects.tree import ObjectTree

_CHUNK = 2**20
_KINDS = {
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something that an object store cannot hold.

    Attributes:
        path: Where it is in the mount.
        reason: What it is.
    """

    path: str
    reason: str


@dataclass(slots=True)
class Changes:
    """What differs from the objects, by path.

    Attributes:
        written: Files that are new or different.
        deleted: Files that are gone.
        skipped: What is neither a file nor a directory.
        unreadable: Files and directories that cannot be read.
    """

    written: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    unreadable: list[Skipped] = field(default_factory=list)

    @property
    def unsent(self) -> list[str]:
        """What the store has not got."""
        return [*self.written, *self.deleted, *(one.path for one in self.unreadable)]


def find_changes(tree: ObjectTree) -> Changes:
    """Compare a tree's files with the objects that they were."""
    return _Comparison(tree).run()


class _Comparison:
    def __init__(self, tree: ObjectTree) -> None:
        self._tree = tree
        self._found = Changes()
        self._seen: set[str] = set()

    def run(self) -> Changes:
        top = str(self._tree.files)
        for directory, subdirectories, names, fd in os.fwalk(top, onerror=self._failed):
            parent = os.path.relpath(directory, top)
            for name in (*subdirectories, *names):
                path = name if parent == "." else f"{parent}/{name}"
                self._entry(path, name, fd)
        self._found.deleted = [path for path in self._tree.base if self._is_gone(path)]
        return self._found

    def _failed(self, error: OSError) -> None:
        path = os.path.relpath(os.fsdecode(error.filename), self._tree.files)
        self._found.unreadable.append(Skipped(path, error.strerror or str(error)))

    def _is_gone(self, path: str) -> bool:
        if path in self._seen:
            return False
        return not any(path.startswith(f"{one.path}/") for one in self._found.unreadable)

    def _entry(self, path: str, name: str, parent: int) -> None:
        try:
            status = os.stat(name, dir_fd=parent, follow_symlinks=False)
            if stat.S_ISDIR(status.st_mode):
                return
            self._seen.add(path)
            if not stat.S_ISREG(status.st_mode):
                kind = _KINDS.get(stat.S_IFMT(status.st_mode), "no regular file")
                self._found.skipped.append(Skipped(path, kind))
            elif self._is_changed(path, name, parent):
                self._found.written.append(path)
        except FileNotFoundError:
            return  # the machine was faster
        except OSError as error:
            self._found.unreadable.append(Skipped(path, error.strerror or str(error)))

    def _is_changed(self, path: str, name: str, parent: int) -> bool:
        base = self._tree.base.get(path)
        if base is None:
            return True
        with opened(name, parent) as fd:
            status = os.fstat(fd)
            mark = sure_mark_of(status)
            if mark is not None and mark == base.mark:
                return False
            if is_program(status) != base.executable or not self._has_content(fd, base):
                return True
        self._tree.base[path] = dataclasses.replace(base, mark=mark)
        return False

    def _has_content(self, fd: int, base: Base) -> bool:
        """Tell whether a file is still what the cache has of its object."""
        content = self._tree.cache.find(base.version)
        if content is None or os.fstat(fd).st_size != base.version.size:
            return False
        with open(content, "rb") as cached:
            while chunk := cached.read(_CHUNK):
                if os.read(fd, _CHUNK) != chunk:
                    return False
        return not os.read(fd, 1)


def is_program(status: os.stat_result) -> bool:
    """Tell whether its owner may run a file."""
    return bool(status.st_mode & stat.S_IXUSR)


@contextmanager
def opened(name: str, parent: int) -> Iterator[int]:
    """Open a regular file in a directory to be read.

    Raises:
        OSError: It is something else by now, or cannot be read.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    fd = os.open(name, flags, dir_fd=parent)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise FileNotFoundError(f"{name} is no regular file any more")
        yield fd
    finally:
        os.close(fd)


@contextmanager
def opened_beneath(tree: ObjectTree, path: str) -> Iterator[int]:
    """Open a regular file of a tree to be read, following no link on the way."""
    *directories, name = path.split("/")
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    parent = os.open(tree.files, flags)
    try:
        for directory in directories:
            below = os.open(directory, flags, dir_fd=parent)
            os.close(parent)
            parent = below
        with opened(name, parent) as fd:
            yield fd
    finally:
        os.close(parent)
