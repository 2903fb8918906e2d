"""Where installations are prepared: private, on the layers' file system, swept after a crash.

Not below `software/`, which machines see: nothing in a machine can hold a lock
here or read a half-made layer.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from agentos.config import data_dir

_POLL = 0.1  # seconds between two looks at another installer's lock
_LOCK = "lock"


@dataclass(frozen=True)
class Staging:
    """A directory that lives as long as its lock is held."""

    path: Path
    lock: int

    def directory(self, name: str) -> Path:
        """Make a directory in it."""
        path = self.path / name
        path.mkdir()
        return path

    def size(self) -> int:
        """Count the bytes of the files in it, in whatever state they are."""
        total = 0
        for folder, _, names in os.walk(self.path):
            for name in names:
                try:
                    total += os.lstat(os.path.join(folder, name)).st_size
                except FileNotFoundError:  # the client moves its files about
                    continue
        return total


@contextmanager
def staging_directory() -> Iterator[Staging]:
    """Make a directory that is removed at the end, or by the next `sweep` after a crash."""
    with _exclusive(_area() / "lock"):
        path = Path(tempfile.mkdtemp(prefix="install-", dir=_area()))
        try:
            lock = _locked(path / _LOCK)
        except OSError:
            shutil.rmtree(path)
            raise
    try:
        yield Staging(path, lock)
    finally:
        # Under the common lock, so that no sweep meets the directory half removed.
        with _exclusive(_area() / "lock"):
            shutil.rmtree(path)
        os.close(lock)


def sweep() -> None:
    """Remove the directories whose owners have died."""
    with _exclusive(_area() / "lock"):
        for path in _area().glob("install-*"):
            lock = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                if _taken(lock):
                    shutil.rmtree(path)
            finally:
                os.close(lock)


@asynccontextmanager
async def package_lock(name: str) -> AsyncIterator[None]:
    """Hold a package against other installers, in this process and others."""
    lock = os.open(_area() / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        while not _taken(lock):  # noqa: ASYNC110 - another process cannot set an event
            await asyncio.sleep(_POLL)
        yield
    finally:
        os.close(lock)


def _area() -> Path:
    area = data_dir() / "software-staging"
    area.mkdir(mode=0o700, parents=True, exist_ok=True)
    return area


def _taken(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _locked(path: Path) -> int:
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


@contextmanager
def _exclusive(path: Path) -> Iterator[None]:
    lock = _locked(path)
    try:
        yield
    finally:
        os.close(lock)
