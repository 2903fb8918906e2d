"""What a machine changed, brought to the object store.

A file replaces its object only if that is still the one which the machine was given, and a new
one no object at all; whoever wrote in between is not overwritten.
"""

from __future__ import annotations

import hashlib
import mimetypes
import os
from dataclasses import dataclass
from pathlib import Path

from agentos.errors import ObjectStoreError, SyncConflict
from agentos.machine.blocking_io import in_thread
from agentos.machine.mounts.objects.base import Base, sure_mark_of
from agentos.machine.mounts.objects.beneath import opened_directory, opened_file
from agentos.machine.mounts.objects.changes import (
    Changes,
    Skipped,
    find_changes,
    is_program,
)
from agentos.machine.mounts.objects.concurrency import for_each
from agentos.machine.mounts.objects.filling import copy_all
from agentos.machine.mounts.objects.keys import cannot_be_key
from agentos.machine.mounts.objects.source import ObjectSource
from agentos.machine.mounts.objects.store import Store, Version, with_executable
from agentos.machine.mounts.objects.tree import ObjectTree

#: What the store takes in one request, the only kind that can have a condition.
_LARGEST = 5 * 2**30
#: How many paths an error names, and how many letters of each.
_NAMED, _SHOWN = 5, 120


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What was brought to the object store, each by its path in the mount.

    Attributes:
        uploaded: Files that were written.
        deleted: Files that were removed.
        skipped: What an object store cannot hold: links, pipes, sockets.
    """

    uploaded: tuple[str, ...]
    deleted: tuple[str, ...]
    skipped: tuple[Skipped, ...]


async def sync(tree: ObjectTree) -> SyncReport:
    """Bring to the store what the machine changed.

    Raises:
        SyncConflict: Others changed the same objects; everything else was sent.
        ObjectStoreError: The store failed, or files cannot be objects.
    """
    assert tree.source is not None
    changes = await in_thread(find_changes, tree)
    sending = _Sending(tree, tree.source, changes)
    try:
        await sending.run()
    except ObjectStoreError as error:
        raise _unsent(error, tree, sending) from error
    finally:
        if sending.uploaded or sending.deleted:
            await in_thread(tree.save)
    sending.raise_failures()
    return SyncReport(
        tuple(sorted(sending.uploaded)), tuple(sorted(sending.deleted)), tuple(changes.skipped)
    )


class _Sending:
    def __init__(self, tree: ObjectTree, source: ObjectSource, changes: Changes) -> None:
        self._tree, self._source, self._changes = tree, source, changes
        self._conflicts: list[str] = []
        self._failed = list(changes.unreadable)
        self.uploaded: list[str] = []
        self.deleted: list[str] = []

    async def run(self) -> None:
        """Send all; what was moved is at its new place before it goes from the old one."""
        if not self._changes.written and not self._changes.deleted:
            return
        self._store = Store(self._source)
        await for_each(self._changes.written, self._write)
        await for_each(self._changes.deleted, self._delete)

    @property
    def waiting(self) -> list[str]:
        """What has not reached the store."""
        done = {*self.uploaded, *self.deleted}
        return [path for path in self._changes.unsent if path not in done]

    def raise_failures(self) -> None:
        """Raise what went wrong with single files, if anything did."""
        if self._conflicts:
            raise SyncConflict(
                f"{self._source.url}: others changed {_listed(self._conflicts)} meanwhile",
                code="object_conflict",
                hint=f"theirs is in the store, the machine's own in {self._tree.files}",
                names=tuple(sorted(self._conflicts)),
                kept=str(self._tree.files),
            )
        if self._failed:
            reasons = "; ".join(
                f"{_shown(one.path)}: {one.reason}" for one in self._failed[:_NAMED]
            )
            raise ObjectStoreError(
                f"{self._source.url}: {len(self._failed)} files cannot be sent: {reasons}",
                code="objects_unsent",
                hint=f"rename them or give rights to read them; they are in {self._tree.files}",
                kept=str(self._tree.files),
            )

    async def _write(self, path: str) -> None:
        key = self._source.key(path)
        if reason := cannot_be_key(key):
            self._failed.append(Skipped(path, reason))
            return
        with self._tree.cache.draft() as (fd, draft):
            try:
                status = await in_thread(_stage, self._tree, path, fd)
            except (FileNotFoundError, NotADirectoryError):
                return  # the machine took it away meanwhile
            except OSError as error:
                self._failed.append(Skipped(path, error.strerror or str(error)))
                return
            if os.fstat(fd).st_size > _LARGEST:
                self._failed.append(Skipped(path, "it is larger than 5 GiB"))
                return
            version = await self._put(path, key, fd, status)
            if version is None:
                self._conflicts.append(path)
                return
            self._note(path, version, status, fd, draft)

    async def _put(self, path: str, key: str, fd: int, status: os.stat_result) -> Version | None:
        """Write a file in its object's place; None if that is not the one it was."""
        base = self._tree.base.get(path)
        replaces = base.version.tag if base else None
        attributes = _attributes_of(path)
        if there := await self._store.head(key) if base else None:
            attributes = there[1]
        tag = None
        if replaces == (there[0].tag if there else None):
            attributes = with_executable(attributes, is_program(status))
            tag = await self._store.put(key, fd, replaces=replaces, attributes=attributes)
        there = await self._store.head(key)
        if tag is not None:
            is_ours = there is not None and there[0].tag == tag
            return there[0] if there and is_ours else Version(key, tag, -1, 0)
        same = there is not None and there[0].tag == await in_thread(_tag_of, fd)
        return there[0] if there and same else None

    def _note(
        self, path: str, version: Version, status: os.stat_result, fd: int, draft: Path
    ) -> None:
        executable = is_program(status)
        if version.size == os.fstat(fd).st_size:
            self._tree.cache.keep(draft, fd, version, executable=executable)
        self._tree.base[path] = Base(version, executable, sure_mark_of(status))
        self.uploaded.append(path)

    async def _delete(self, path: str) -> None:
        base = self._tree.base[path]
        there = await self._store.head(base.version.key)
        if there is not None and there[0].tag != base.version.tag:
            self._conflicts.append(path)
            return
        if there is not None:
            await self._store.delete(base.version.key)
        del self._tree.base[path]
        self.deleted.append(path)


def _stage(tree: ObjectTree, path: str, draft: int) -> os.stat_result:
    """Copy a file to where the machine does not write; tells what it was before."""
    directory, _, name = path.rpartition("/")
    with opened_directory(tree.files, directory) as parent, opened_file(name, parent) as fd:
        status = os.fstat(fd)
        copy_all(fd, draft)
        return status


def _attributes_of(path: str) -> dict[str, str]:
    kind = mimetypes.guess_type(path)[0]
    return {"Content-Type": kind} if kind else {}


def _tag_of(fd: int) -> str:
    """Return the tag that a store gives to content put in one piece."""
    digest = hashlib.md5(usedforsecurity=False)
    offset = 0
    while chunk := os.pread(fd, 2**20, offset):
        digest.update(chunk)
        offset += len(chunk)
    return f'"{digest.hexdigest()}"'


def _shown(path: str) -> str:
    return repr(path if len(path) <= _SHOWN else f"{path[:_SHOWN]}...")


def _listed(names: list[str]) -> str:
    first, more = sorted(names)[:_NAMED], len(names) - _NAMED
    return ", ".join(map(_shown, first)) + (f" and {more} more" if more > 0 else "")


def _unsent(error: ObjectStoreError, tree: ObjectTree, sending: _Sending) -> ObjectStoreError:
    """Say of a store's failure what it did not get, and where that is."""
    where = f"not sent, and kept in {tree.files}: {_listed(sending.waiting)}"
    return ObjectStoreError(
        f"{error.message}; {where}",
        code=error.code,
        hint=error.hint,
        retryable=error.retryable,
        kept=str(tree.files),
    )
