"""A directory of the host that belongs to one machine: its home and its temporary files."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import tempfile
from pathlib import Path

from agentos.machine.isolation.namespace import _wait, end_of

_PREFIX = "agentos-landlock-"


class PrivateDirectory:
    """Make a directory that no other user and no other machine may enter.

    A lock tells that it is in use. The kernel takes the lock away when this process ends, in
    whatever way, and then `sweep` of any later process removes the directory.

    Args:
        user: The ids that own what is in it.
    """

    def __init__(self, user: tuple[int, int]) -> None:
        self.path, self._lock = _make_locked()
        try:
            if user[0] != os.geteuid():
                self.path.chmod(0o711)  # its user goes through it, to the two that are his
            for directory in (self.home, self.temporary):
                directory.mkdir(mode=0o700)
                os.chown(directory, *user)
        except BaseException:
            for made in (self.home, self.temporary, self.path):
                with contextlib.suppress(FileNotFoundError):
                    made.rmdir()
            os.close(self._lock)
            raise

    @property
    def home(self) -> Path:
        """Where the machine's commands start."""
        return self.path / "home"

    @property
    def temporary(self) -> Path:
        """What `TMPDIR` names in the machine."""
        return self.path / "tmp"

    async def remove(self) -> None:
        """Remove it with all that is in it, when the machine has ended."""
        try:
            await _remove_tree(self.path)
        finally:
            os.close(self._lock)


async def sweep() -> list[Path]:
    """Remove what was left by processes that were killed; returns what was removed."""
    removed = []
    for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        lock = _lock_abandoned(path)
        if lock is not None:
            try:
                await _remove_tree(path)
            finally:
                os.close(lock)
            removed.append(path)
    return removed


def _make_locked() -> tuple[Path, int]:
    while True:
        path = Path(tempfile.mkdtemp(prefix=_PREFIX))
        lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.fstat(lock).st_nlink:
            return path, lock
        os.close(lock)  # a sweep came before the lock


def _lock_abandoned(path: Path) -> int | None:
    try:
        lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None  # it is gone, or another user's, or no directory of ours
    with contextlib.ExitStack() as unless_abandoned:
        unless_abandoned.callback(os.close, lock)
        if os.fstat(lock).st_uid != os.geteuid():
            return None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return None
        unless_abandoned.pop_all()
    return lock


async def _remove_tree(path: Path) -> None:
    """Remove a tree of any depth, also where its owner closed a directory to himself."""
    await _run("rm", "-rf", "--one-file-system", "--", path)
    if _is_directory(path):
        await _run("chmod", "-R", "u+rwX", "--", path)
        await _run("rm", "-rf", "--one-file-system", "--", path)


async def _run(*words: str | Path) -> None:
    null = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_RDWR, 0) for fd in range(3)]
    pid = os.posix_spawnp(words[0], words, {}, file_actions=null)  # noqa: ASYNC221 - awaited below
    try:
        await end_of(pid)
    finally:  # a cancellation waits for its end
        _wait(pid)


def _is_directory(path: Path) -> bool:
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except FileNotFoundError:
        return False
