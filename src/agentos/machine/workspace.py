"""A host directory copied into a machine, and what became of it there."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import stat
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass

from agentos.errors import MachineError
from agentos.machine.patch import Change, Entry
from agentos.machine.trees import TreeVerbs

__all__ = ["Change", "Entry", "Workspace", "WorkspaceConflict"]

#: Copied in, so that the agent can read history, but neither shown nor applied: hooks and
#: configuration in it would run programs on the host.
PRIVATE = ".git"


class WorkspaceConflict(MachineError):
    """Files on the host changed while the agent worked; nothing was applied."""

    default_code = "workspace_conflict"

    def __init__(self, paths: list[str]) -> None:
        super().__init__(
            f"changed on the host since the copy was made: {', '.join(paths)}",
            hint="nothing was applied; run again on the new state, or apply the diff by hand",
        )
        self.paths = paths


@dataclass(frozen=True, slots=True)
class _Seen:
    """A path as it was copied in: enough to know it again without keeping its bytes."""

    mode: int
    digest: bytes

    @classmethod
    def of(cls, entry: Entry) -> _Seen:
        return cls(entry.mode, hashlib.blake2b(entry.content, digest_size=16).digest())


class Workspace:
    """Copy a directory in, see what changed, bring it back.

    Args:
        files: The machine.
        host: The directory on the host; it is only ever written by `apply`.
        vm: Where it is in the machine.
    """

    def __init__(self, files: TreeVerbs, host: str | os.PathLike[str], vm: str) -> None:
        self._files = files
        self.host = os.path.abspath(host)
        self.vm = vm
        self._before: dict[str, _Seen] = {}
        self._untouched: dict[str, int] = {}

    def branched(self, files: TreeVerbs) -> Workspace:
        """Return the same copy in a machine that was branched off."""
        branch = Workspace(files, self.host, self.vm)
        branch._before, branch._untouched = self._before, self._untouched
        return branch

    async def copy_in(self) -> None:
        """Copy the directory into the machine and remember how it was.

        Raises:
            NotADirectoryError: There is no such directory on the host.
        """
        if not os.path.isdir(self.host):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), self.host)
        self._before = await asyncio.to_thread(_read_tree, self.host)
        await self._files.upload(self.host, self.vm)
        self._untouched = await self._change_times()

    async def changes(self) -> list[Change]:
        """List what differs now from what was copied in, by path."""
        now = await self._change_times()
        paths = self._before.keys() | now.keys()
        changed = []
        for path in sorted(paths):
            if path in now and self._untouched.get(path) == now[path] and path in self._before:
                continue
            new = await self._read_entry(os.path.join(self.vm, path)) if path in now else None
            if (_Seen.of(new) if new else None) != self._before.get(path):
                changed.append(Change(path, self._old(path), new))
        return changed

    def _old(self, path: str) -> Entry | None:
        return _read_host_entry(os.path.join(self.host, path)) if path in self._before else None

    async def _change_times(self) -> dict[str, int]:
        """When each file and link of the machine's copy changed last, in ns of its kernel."""
        times: dict[str, int] = {}
        async for directory, directories, names in self._files.walk(self.vm):
            if PRIVATE in directories:
                directories.remove(PRIVATE)
            fd = await self._files.open_fd(directory, os.O_RDONLY | os.O_DIRECTORY)
            try:
                for name in names:
                    if name != PRIVATE:
                        path = os.path.relpath(os.path.join(directory, name), self.vm)
                        status = os.stat(name, dir_fd=fd, follow_symlinks=False)
                        times[path] = status.st_ctime_ns
            finally:
                os.close(fd)
        return times

    async def _read_entry(self, path: str) -> Entry | None:
        status = await self._files.stat(path, follow_symlinks=False)
        if status.is_symlink:
            target = await self._files.readlink(path)
            return Entry(stat.S_IFLNK, os.fsencode(target))
        if status.is_file:
            return Entry(_shape(status.mode), await self._files.read_file(path))
        return None

    async def apply(self, changes: Iterable[Change]) -> None:
        """Make the host's directory as the machine's: all of it, or nothing.

        What is applied is no change any more, and may be changed again.

        Raises:
            WorkspaceConflict: One of the files changed on the host meanwhile.
            MachineError: A change would reach outside of the directory.
        """
        applied = list(changes)
        await asyncio.to_thread(_apply, self.host, applied, self._before)
        before = self._before | {one.path: _Seen.of(one.new) for one in applied if one.new}
        gone = {one.path for one in applied if one.new is None}
        self._before = {path: seen for path, seen in before.items() if path not in gone}


def _shape(mode: int) -> int:
    """Reduce a mode to what git keeps of it: whether the owner may run the file."""
    return stat.S_IFREG | (0o755 if mode & 0o100 else 0o644)


def _read_host_entry(path: str) -> Entry | None:
    try:
        mode = os.lstat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    if stat.S_ISLNK(mode):
        return Entry(stat.S_IFLNK, os.fsencode(os.readlink(path)))
    if stat.S_ISREG(mode):
        with open(path, "rb") as file:
            return Entry(_shape(mode), file.read())
    return None


def _read_tree(top: str) -> dict[str, _Seen]:
    found: dict[str, _Seen] = {}
    for directory, directories, names in os.walk(top):
        links = [n for n in directories if os.path.islink(os.path.join(directory, n))]
        if PRIVATE in directories:
            directories.remove(PRIVATE)
        for name in (*names, *links):
            path = os.path.join(directory, name)
            entry = _read_host_entry(path)
            if name != PRIVATE and entry is not None:
                found[os.path.relpath(path, top)] = _Seen.of(entry)
    return found


def _apply(top: str, changes: list[Change], before: dict[str, _Seen]) -> None:
    for change in changes:
        _refuse_escape(top, change)
    conflicts = [c.path for c in changes if _seen_on_host(top, c.path) != before.get(c.path)]
    if conflicts:
        raise WorkspaceConflict(conflicts)
    for change in changes:  # what goes may stand where something new comes
        if change.new is None:
            _remove(top, change.path)
    for change in changes:
        if change.new is not None:
            _write(os.path.join(top, change.path), change.new)


def _seen_on_host(top: str, path: str) -> _Seen | None:
    entry = _read_host_entry(os.path.join(top, path))
    return _Seen.of(entry) if entry else None


def _refuse_escape(top: str, change: Change) -> None:
    parent = os.path.dirname(change.path)
    while parent:
        if os.path.islink(os.path.join(top, parent)):
            raise MachineError(
                f"{change.path} lies behind a link on the host",
                code="workspace_escape",
                hint=f"nothing was applied; {parent} is a symbolic link in {top}",
            )
        parent = os.path.dirname(parent)
    if change.new is None or not change.new.is_link:
        return
    target = os.path.join(top, os.path.dirname(change.path), os.fsdecode(change.new.content))
    if os.path.commonpath([top, os.path.normpath(target)]) != top:
        raise MachineError(
            f"the new link {change.path} leads out of the workspace",
            code="workspace_escape",
            hint="nothing was applied; remove the link or apply the diff by hand",
        )


def _remove(top: str, path: str) -> None:
    os.unlink(os.path.join(top, path))
    parent = os.path.dirname(path)
    while parent:  # as git does: a directory goes with its last file
        try:
            os.rmdir(os.path.join(top, parent))
        except OSError:
            return
        parent = os.path.dirname(parent)


def _write(path: str, entry: Entry) -> None:
    parent = os.path.dirname(path)
    os.makedirs(parent, exist_ok=True)
    staging = tempfile.mkdtemp(prefix=".agentos-", dir=parent)
    fresh = os.path.join(staging, "file")
    try:
        if entry.is_link:
            os.symlink(os.fsdecode(entry.content), fresh)
        else:
            with open(fresh, "wb") as file:
                file.write(entry.content)
            os.chmod(fresh, _mode_on_host(path, entry))
        os.replace(fresh, path)
    finally:
        if os.path.lexists(fresh):
            os.unlink(fresh)
        os.rmdir(staging)


def _mode_on_host(path: str, entry: Entry) -> int:
    """Keep the host's own permissions, but for the right to run the file."""
    try:
        kept = stat.S_IMODE(os.lstat(path).st_mode)
    except FileNotFoundError:
        return stat.S_IMODE(entry.mode)
    return kept | (kept & 0o444) >> 2 if entry.mode & 0o100 else kept & ~0o111
