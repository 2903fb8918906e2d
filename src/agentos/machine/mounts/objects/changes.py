"""What a machine changed in its files of objects.

The machine may go on changing them meanwhile.
"""

from __future__ import annotations

import dataclasses
import os
import stat
from dataclasses import dataclass, field

from agentos.machine.mounts.objects.base import Base, sure_mark_of
from agentos.machine.mounts.objects.beneath import opened_directory, opened_file
from agentos.machine.mounts.objects.keys import LONGEST_KEY
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
        self._directories = [""]
        self._unknown: list[str] = []

    def run(self) -> Changes:
        while self._directories:
            self._read(self._directories.pop())
        self._found.deleted = [path for path in self._tree.base if self._is_gone(path)]
        return self._found

    def _read(self, directory: str) -> None:
        try:
            with opened_directory(self._tree.files, directory) as fd:
                for name in os.listdir(fd):
                    self._entry(f"{directory}/{name}" if directory else name, name, fd)
        except (FileNotFoundError, NotADirectoryError) as error:
            if not directory:  # then nothing is known of any file
                self._cannot_read(directory, error)
        except OSError as error:
            self._cannot_read(directory, error)

    def _cannot_read(self, path: str, error: OSError) -> None:
        self._found.unreadable.append(Skipped(path or ".", error.strerror or str(error)))
        self._unknown.append(f"{path}/" if path else "")

    def _is_gone(self, path: str) -> bool:
        return path not in self._seen and not path.startswith(tuple(self._unknown))

    def _entry(self, path: str, name: str, parent: int) -> None:
        try:
            status = os.stat(name, dir_fd=parent, follow_symlinks=False)
            if stat.S_ISDIR(status.st_mode):
                self._descend(path)
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
            self._cannot_read(path, error)

    def _descend(self, path: str) -> None:
        if len(os.fsencode(path)) > LONGEST_KEY:
            self._found.unreadable.append(Skipped(path, "its path is too long for a key"))
        else:
            self._directories.append(path)

    def _is_changed(self, path: str, name: str, parent: int) -> bool:
        base = self._tree.base.get(path)
        if base is None:
            return True
        with opened_file(name, parent) as fd:
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
