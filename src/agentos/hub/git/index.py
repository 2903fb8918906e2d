"""A commit's index of its own, so that the user's is changed at once or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from agentos.errors import GitError
from agentos.hub.git.blobs import Change
from agentos.hub.git.program import Git, encode

_ABSENT = "0" * 40


@dataclass(frozen=True)
class DraftIndex:
    """A copy of the index that git works on while the user's is locked.

    Attributes:
        git: Git that takes the draft for the index.
        file: The draft.
        original: The user's index as it was.
    """

    git: Git
    file: Path
    original: Path
    _index: Path
    _lock: Path

    async def start_from(self, tree: str) -> None:
        """Forget what the user staged: begin with a tree."""
        self.file.unlink(missing_ok=True)
        await self.git.check("read-tree", tree)

    async def take(self, paths: Iterable[str]) -> None:
        """Stage files as they are in the work tree, the deleted ones as deleted."""
        await update(self.git, paths)

    async def put_back(self, changes: Iterable[Change]) -> None:
        """Have files as they were on the old side of changes."""
        await put(self.git, ((change.path, *change.old) for change in changes))

    async def publish(self, final: Path) -> None:
        """Make a file the user's index: the way git does it, by renaming its lock."""
        _copy(final, self._lock)
        os.replace(self._lock, self._index)


async def update(git: Git, paths: Iterable[str]) -> None:
    """Stage files as they are in the work tree."""
    names = b"".join(encode(path) + b"\0" for path in paths)
    if names:
        await git.check(
            "update-index", "--add", "--remove", "--replace", "-z", "--stdin", stdin=names
        )


async def put(git: Git, entries: Iterable[tuple[str, str, str | None]]) -> None:
    """Set entries of an index: path, mode, and object id, or None for no entry."""
    lines = b"".join(
        encode(f"{mode} {name}\t{path}" if name else f"0 {_ABSENT}\t{path}") + b"\0"
        for path, mode, name in entries
    )
    if lines:
        await git.check("update-index", "-z", "--index-info", stdin=lines)


@contextmanager
def locked_index(git: Git, git_dir: Path) -> Iterator[DraftIndex]:
    """Lock the user's index as git does, and give a draft to work on.

    Raises:
        GitError: Another git program has locked it, or left its lock behind.
    """
    index, lock = git_dir / "index", git_dir / "index.lock"
    try:
        os.close(os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o666))
    except FileExistsError:
        raise GitError(
            f"the index of {git.directory} is locked: {lock} exists",
            code="git_index_locked",
            hint="another git program is at work; if none is, it crashed: remove that file",
            retryable=True,
        ) from None
    made = os.stat(lock)
    try:
        with tempfile.TemporaryDirectory(prefix="agentos-index-") as scratch:
            draft, original = Path(scratch) / "index", Path(scratch) / "original"
            if index.exists():
                _copy(index, draft)
                _copy(index, original)
            yield DraftIndex(git.with_env(GIT_INDEX_FILE=str(draft)), draft, original, index, lock)
    finally:
        _unlock(lock, made)


def _copy(index: Path, to: Path) -> None:
    """Copy an index with its time: files changed since then are told by that."""
    shutil.copyfile(index, to)
    about = index.stat()
    os.utime(to, ns=(about.st_atime_ns, about.st_mtime_ns))


def _unlock(lock: Path, made: os.stat_result) -> None:
    """Remove the lock, unless it became the index and the one there is another program's."""
    try:
        now = os.stat(lock)
    except FileNotFoundError:
        return
    if (now.st_dev, now.st_ino) == (made.st_dev, made.st_ino):
        lock.unlink()
