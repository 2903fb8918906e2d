"""Contents of objects, kept on the host between machines.

A content is one file, named after its key, tag, time and size. It appears under that name only
when it is whole; its size and time of modification are the object's, so that a file which was
damaged or changed since is not taken for it. Its mode says whether it is a program. When it was
last used is its time of access.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

from agentos.config import data_dir
from agentos.machine.blocking_io import in_thread, write_all
from agentos.machine.mounts.objects.source import ObjectSource
from agentos.machine.mounts.objects.store import Download, Version

#: Seconds after which a download that does not grow is nobody's.
_ABANDONED = 3600


def cache_root() -> Path:
    """Return the directory of all cached objects."""
    return data_dir() / "objects"


class ObjectCache:
    """The contents of one source's objects.

    Args:
        place: Its directory.
    """

    def __init__(self, place: Path) -> None:
        self.contents = place / "contents"
        self.trees = place / "trees"

    @classmethod
    def of(cls, source: ObjectSource) -> ObjectCache:
        """Return the cache that all machines share for a source, made if it is missing."""
        cache_root().mkdir(parents=True, exist_ok=True, mode=0o700)
        cache = cls(cache_root() / source.place)
        cache.contents.mkdir(parents=True, exist_ok=True)
        cache.trees.mkdir(exist_ok=True)
        return cache

    def _file(self, version: Version) -> Path:
        words = "\0".join((version.key, version.tag, str(version.modified), str(version.size)))
        return self.contents / f"c{hashlib.sha256(words.encode()).hexdigest()[:40]}"

    def find(self, version: Version) -> Path | None:
        """Return the file of a content, if it is here and whole."""
        file = self._file(version)
        try:
            status = file.stat()
        except FileNotFoundError:
            return None
        if (status.st_size, status.st_mtime_ns) != (version.size, version.modified):
            file.unlink(missing_ok=True)
            return None
        with contextlib.suppress(FileNotFoundError):
            os.utime(file, ns=(time.time_ns(), version.modified))
        return file

    async def fill(self, download: Download) -> Path:
        """Write a content as it arrives.

        Raises:
            OSError: It cannot be written; nothing of it is left.
        """
        with self.draft() as (fd, draft):
            async for chunk in download.chunks():
                await in_thread(write_all, fd, chunk)
            return self.keep(draft, fd, download.version, executable=download.executable)

    @contextlib.contextmanager
    def draft(self) -> Iterator[tuple[int, Path]]:
        """Make a file that is removed again unless it was kept."""
        path = self.contents / f"draft-{secrets.token_hex(8)}"
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            yield fd, path
        finally:
            os.close(fd)
            path.unlink(missing_ok=True)

    def keep(self, draft: Path, fd: int, version: Version, *, executable: bool) -> Path:
        """Make of a draft that is whole the content of an object."""
        os.fchmod(fd, 0o555 if executable else 0o444)
        os.utime(fd, ns=(time.time_ns(), version.modified))
        file = self._file(version)
        draft.rename(file)
        return file

    def collect(self, older: float) -> int:
        """Remove contents that no machine shows and that were not used since a time.

        Args:
            older: The time, in seconds since the epoch.

        Returns:
            How many bytes were removed.
        """
        removed = 0
        for entry in list(os.scandir(self.contents)):
            status = entry.stat(follow_symlinks=False)
            if entry.name.startswith("draft-"):
                unused = status.st_mtime < time.time() - _ABANDONED
            else:
                unused = status.st_nlink == 1 and status.st_atime < older
            if unused:
                Path(entry.path).unlink(missing_ok=True)
                removed += status.st_size
        return removed
