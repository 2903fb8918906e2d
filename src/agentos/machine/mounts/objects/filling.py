"""Objects brought into a new directory."""

from __future__ import annotations

import os
from pathlib import Path

from agentos.machine.blocking_io import in_thread
from agentos.machine.mounts.objects.base import Base, mark_of
from agentos.machine.mounts.objects.cache import ObjectCache
from agentos.machine.mounts.objects.concurrency import for_each
from agentos.machine.mounts.objects.faults import unmountable
from agentos.machine.mounts.objects.keys import directories_of
from agentos.machine.mounts.objects.store import Store, Version


async def fill(
    files: Path, *, cache: ObjectCache, store: Store, listed: list[Version], copied: bool
) -> dict[str, Base]:
    """Bring the objects of a listing into an empty directory, several at once.

    Args:
        files: The directory.
        cache: Where contents are kept, and found.
        store: Where they come from otherwise.
        listed: The objects.
        copied: Whether files are copies, which may be written, or links to the cache's.

    Returns:
        What the copies are, by path.

    Raises:
        ObjectStoreError: The store fails, or an object cannot be a file.
    """
    filling = _Filling(files, cache, store, copied)
    await in_thread(_make_directories, files, [store.source.path(one.key) for one in listed])
    await for_each(listed, filling.bring)
    if filling.gone:
        await _explain(filling.gone, store)
    return filling.base


def _make_directories(files: Path, paths: list[str]) -> None:
    for path in sorted(directories_of(paths)):
        (files / path).mkdir()


class _Filling:
    def __init__(self, files: Path, cache: ObjectCache, store: Store, copied: bool) -> None:
        self._files, self._cache, self._store, self._copied = files, cache, store, copied
        self.base: dict[str, Base] = {}
        self.gone: list[str] = []

    async def bring(self, listed: Version) -> None:
        version, content = listed, self._cache.find(listed)
        while True:
            if content is None:
                download = await self._store.get(listed.key)
                if download is None:
                    self._missing(listed)
                    return
                version, content = download.version, await self._cache.fill(download)
            try:
                await in_thread(self._place, version, content)
            except FileNotFoundError:  # a collection was faster: it was not used for long
                content = None
            else:
                return

    def _missing(self, listed: Version) -> None:
        """Show an empty object whose key ends in a slash as the directory it stands for."""
        if listed.size:
            self.gone.append(listed.key)
        else:
            path = self._files / self._store.source.path(listed.key)
            path.mkdir(parents=True, exist_ok=True)

    def _place(self, version: Version, content: Path) -> None:
        path = self._store.source.path(version.key)
        try:
            if self._copied:
                self.base[path] = _copy(version, content, self._files / path)
            else:
                os.link(content, self._files / path)
        except FileExistsError:
            reason = f"{path!r} is an object and a directory of others"
            raise unmountable(self._store.source, [reason]) from None


def _copy(version: Version, content: Path, target: Path) -> Base:
    """Copy a content, with the object's time: what is written later has another one."""
    with open(content, "rb") as source:
        executable = bool(os.fstat(source.fileno()).st_mode & 0o100)
        with open(target, "xb") as copy:
            copy_all(source.fileno(), copy.fileno())
            os.fchmod(copy.fileno(), 0o755 if executable else 0o644)
            os.utime(copy.fileno(), ns=(version.modified, version.modified))
            return Base(version, executable, mark_of(os.fstat(copy.fileno())))


def copy_all(source: int, target: int) -> None:
    """Copy one file's content to another within the kernel, or by sharing its blocks."""
    while os.copy_file_range(source, target, 2**30):
        pass


async def _explain(gone: list[str], store: Store) -> None:
    """Tell objects that were removed meanwhile from those that cannot be asked for."""
    there = {version.key for version in await store.list()}
    if stuck := [key for key in gone if key in there]:
        reasons = [f"{key!r} begins or ends with a slash" for key in stuck]
        raise unmountable(store.source, reasons)
