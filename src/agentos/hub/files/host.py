"""Directories of this host as a tree, by descriptors that cannot leave them."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from agentos import config
from agentos.errors import FileRefused
from agentos.hub.files.beneath import (
    DIRECTORY,
    FILE,
    find_parent,
    has_openat2,
    open_at_once,
    open_by_walk,
)
from agentos.hub.files.checks import check_not_git, check_regular
from agentos.hub.files.names import below, check_portable, folded, is_absolute, split
from agentos.hub.files.query import Query
from agentos.hub.files.refusals import outside, refusals
from agentos.hub.files.ripgrep import candidates
from agentos.hub.files.root import Root, root_names
from agentos.hub.files.tree import Place, Target


class HostTree:
    """Directories of this host.

    A file with several hard links is neither read nor written: its other names may lie outside,
    and no system call tells where. Nothing is written into `.git`, whose hooks and configuration
    run programs.

    Args:
        roots: The directories.
        private: Directories within them that are not seen; by default AgentOS's own state, with
            the token.
        openat2: Whether to use it; by default where there is one.
    """

    def __init__(
        self,
        roots: Sequence[Path],
        *,
        private: Sequence[Path] | None = None,
        openat2: bool | None = None,
    ) -> None:
        if os.open not in os.supports_dir_fd:
            raise FileRefused(
                "this system cannot open files beneath a directory by descriptor",
                code="unsupported_system",
                path="",
                hint="run the hub where it can: on Linux, macOS or in WSL",
            )
        if not roots:
            raise FileRefused(
                "no root is configured",
                code="no_roots",
                path="",
                hint="set AGENTOS_FS_ROOTS, or fs_roots in agentos.toml",
            )
        self._roots = [Root(path) for path in roots]
        self._names = root_names(self._roots)
        chosen = (config.state_dir(),) if private is None else private
        self._private = [
            secret
            for secret in map(os.path.realpath, chosen)
            if any(_is_within(secret, r.path) or _is_within(r.path, secret) for r in self._roots)
        ]
        self._at_once = has_openat2() if openat2 is None else openat2

    @property
    def roots(self) -> tuple[str, ...]:
        """The roots, as absolute paths."""
        return tuple(root.given for root in self._roots)

    def close(self) -> None:
        """Let go of the roots."""
        for root in self._roots:
            root.close()

    def locate(self, path: str) -> Place:
        """Check a path as text and return where it lies.

        Raises:
            FileRefused: No root holds it, or no file can be meant by it.
        """
        if is_absolute(path):
            split(path)
            for number, root in enumerate(self._roots):
                for base in (root.given, root.path):
                    parts = below(path, base)
                    if parts is not None:
                        return self._place(number, parts)
            raise outside(path, f"the roots are {', '.join(self.roots)}")
        parts = split(path)
        if len(self._roots) > 1 and parts and parts[0] in self._names:
            return self._place(self._names.index(parts[0]), parts[1:])
        return self._place(0, parts)

    def _place(self, number: int, parts: tuple[str, ...]) -> Place:
        named = (self._names[number], *parts) if len(self._roots) > 1 else parts
        return Place(number, parts, "/".join(named) or ".")

    async def open(self, place: Place, *, directory: bool = False) -> int:
        """Open a regular file, or a directory, for reading; it never waits.

        Raises:
            FileRefused: It leads out, is private, is neither, or has several hard links.
        """
        root = self._roots[place.root]
        root.check()
        with refusals(place.shown):
            fd, real = self._resolve(root, place.parts, DIRECTORY if directory else FILE)
        try:
            self._check_private(real, place.shown)
            if not directory:
                self.check(os.fstat(fd), place.shown)
        except BaseException:
            os.close(fd)
            raise
        return fd

    def _resolve(self, root: Root, parts: tuple[str, ...], flags: int) -> tuple[int, str]:
        """Open a path and return with the descriptor the real path."""
        if self._at_once:
            try:
                fd = open_at_once(root.fd, parts, flags)
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
            else:
                return fd, os.readlink(f"/proc/self/fd/{fd}")
        fd, real = open_by_walk(root.fd, root.path, parts, flags)
        return fd, os.path.join(root.path, *real)

    def check(self, status: os.stat_result, shown: str) -> None:
        """Refuse what is not a regular file with one name.

        Raises:
            FileRefused: It is so.
        """
        check_regular(status, shown)
        if status.st_nlink > 1:
            raise FileRefused(
                f"{shown!r} has {status.st_nlink} hard links, which may lie outside the roots",
                code="hard_linked",
                path=shown,
                hint="replace it by a copy: cp FILE COPY && mv COPY FILE",
            )

    def shows(self, place: Place) -> bool:
        """Whether lists and searches go there."""
        return not self._is_private(os.path.join(self._roots[place.root].path, *place.parts))

    def _is_private(self, real: str) -> bool:
        return any(_is_within(real, secret) for secret in self._private)

    def _check_private(self, real: str, shown: str) -> None:
        if self._is_private(real):
            raise FileRefused(
                f"{shown!r} holds secrets of AgentOS", code="path_protected", path=shown
            )

    @asynccontextmanager
    async def target(self, place: Place, *, mkdirs: bool) -> AsyncIterator[Target]:
        """Open the directory that a file is to be written in.

        Raises:
            FileRefused: It leads out, is private or in `.git`, or there is no such directory.
        """
        root = self._roots[place.root]
        root.check()

        def check(parts: tuple[str, ...]) -> None:
            self._check_private(os.path.join(root.path, *parts), place.shown)
            check_not_git(parts, place.shown)

        def check_new(parts: tuple[str, ...]) -> None:
            check_portable(parts[-1], place.shown)
            check(parts)

        check(place.parts)
        with refusals(place.shown):
            parent = find_parent(
                root.fd, root.path, place.parts, make=check_new if mkdirs else None
            )
        try:
            check(parent.parts)
            yield _HostTarget(parent.fd, parent.name)
        finally:
            os.close(parent.fd)

    async def candidates(self, place: Place, query: Query) -> list[tuple[str, ...]] | None:
        """Return the files below a directory that may match, as ripgrep finds them."""
        fd = await self.open(place, directory=True)
        try:
            return await candidates(fd, query)
        finally:
            os.close(fd)


@dataclass(frozen=True)
class _HostTarget:
    """A name in an open directory of this host."""

    fd: int
    name: str

    async def open(self) -> int | None:
        """Open what has the name now, or None."""
        try:
            return os.open(self.name, FILE | os.O_NOFOLLOW, dir_fd=self.fd)
        except FileNotFoundError:
            return None

    async def create(self, name: str, mode: int) -> int:
        """Make a new file beside it and open it for writing."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        return os.open(name, flags, mode, dir_fd=self.fd)

    async def keep(self, name: str, fd: int, status: os.stat_result) -> None:
        """Give that new file the mode, and where possible the owner, of the one before it."""
        made = os.fstat(fd)
        if (made.st_uid, made.st_gid) != (status.st_uid, status.st_gid):
            try:
                os.fchown(fd, status.st_uid, status.st_gid)
            except PermissionError:
                pass  # only root gives files away: it is the caller's then, as with an editor
        os.fchmod(fd, stat.S_IMODE(status.st_mode) & 0o777)

    async def put(self, name: str, *, over: bool) -> None:
        """Give that new file the name of the target, durably."""
        if over or not self._link(name):
            os.rename(name, self.name, src_dir_fd=self.fd, dst_dir_fd=self.fd)
        os.fsync(self.fd)

    def _link(self, name: str) -> bool:
        """Name it without ever replacing what has come since; False where there are no links."""
        try:
            os.link(name, self.name, src_dir_fd=self.fd, dst_dir_fd=self.fd)
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.ENOSYS):
                raise
            return False
        os.unlink(name, dir_fd=self.fd)
        return True

    async def discard(self, name: str) -> None:
        """Remove that new file, unless it has its name already."""
        try:
            os.unlink(name, dir_fd=self.fd)
        except FileNotFoundError:
            pass


def _is_within(path: str, directory: str) -> bool:
    """Whether a path is a directory or below it, on a file system of any kind."""
    names = [folded(name) for name in path.split("/")]
    above = [folded(name) for name in directory.split("/")]
    return names[: len(above)] == above
