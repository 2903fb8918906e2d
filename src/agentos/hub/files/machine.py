"""The files of a machine as a tree.

A path is resolved by the machine itself and cannot leave it; the roots are where paths start, not
a wall: an agent in the machine can read the rest of it anyway.
"""

from __future__ import annotations

import errno
import os
import posixpath
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agentos.errors import FileRefused
from agentos.hub.files.checks import check_not_git, check_regular
from agentos.hub.files.names import below, check_portable, is_absolute, split
from agentos.hub.files.query import Query
from agentos.hub.files.refusals import outside, refusals
from agentos.hub.files.ripgrep import MOST_CANDIDATES, command, paths
from agentos.hub.files.tree import Place, Target

if TYPE_CHECKING:
    from agentos.machine.machine import AgentOs

_MOST_OUTPUT = MOST_CANDIDATES * 4096


class MachineTree:
    """Directories of a machine."""

    def __init__(self, vm: AgentOs, roots: Sequence[str]) -> None:
        self._vm = vm
        self._roots = tuple(roots)

    @property
    def roots(self) -> tuple[str, ...]:
        """The roots, as absolute paths in the machine."""
        return self._roots

    def locate(self, path: str) -> Place:
        """Check a path as text and return where it lies.

        Raises:
            FileRefused: No root holds it, or no file can be meant by it.
        """
        parts = split(path, windows=False)
        if not is_absolute(path, windows=False):
            return self._place(0, parts)
        for number, root in enumerate(self._roots):
            rest = below(path, root, windows=False)
            if rest is not None:
                return self._place(number, rest)
        raise outside(path, f"the roots are {', '.join(self._roots)}")

    def _place(self, number: int, parts: tuple[str, ...]) -> Place:
        shown = "/".join(parts) or "."
        if number:
            shown = posixpath.join(self._roots[number], *parts)
        return Place(number, parts, shown)

    def _path(self, place: Place) -> str:
        return posixpath.join(self._roots[place.root], *place.parts)

    async def open(self, place: Place, *, directory: bool = False) -> int:
        """Open a regular file, or a directory, for reading.

        Raises:
            FileRefused: It is neither, or not there.
        """
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | (os.O_DIRECTORY if directory else 0)
        with refusals(place.shown):
            fd = await self._vm.open_fd(self._path(place), flags)
        try:
            if not directory:
                self.check(os.fstat(fd), place.shown)
        except FileRefused:
            os.close(fd)
            raise
        return fd

    def check(self, status: os.stat_result, shown: str) -> None:
        """Refuse what is not a regular file.

        Raises:
            FileRefused: It is so.
        """
        check_regular(status, shown)

    def shows(self, place: Place) -> bool:
        """Everything in a machine is the agent's own."""
        return True

    @asynccontextmanager
    async def target(self, place: Place, *, mkdirs: bool) -> AsyncIterator[Target]:
        """Say where a file is to be written.

        Raises:
            FileRefused: It lies in `.git`, or there is no such directory.
        """
        check_not_git(place.parts, place.shown)
        path = await self._resolved(self._path(place), place.shown) if place.parts else ""
        directory, name = posixpath.split(path)
        with refusals(place.shown):
            if mkdirs:
                for part in place.parts[:-1]:
                    check_portable(part, place.shown)
                await self._vm.mkdir(directory, parents=True)
        yield _MachineTarget(self._vm, directory, name)

    async def _resolved(self, path: str, shown: str) -> str:
        """Follow links at the end of a path, so that they stay links."""
        for _ in range(40):
            try:
                target = await self._vm.readlink(path)
            except OSError as error:
                if error.errno in (errno.EINVAL, errno.ENOENT, errno.ENOTDIR):
                    return path
                with refusals(shown):
                    raise
            path = posixpath.join(posixpath.dirname(path), target)
        with refusals(shown):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))

    async def candidates(self, place: Place, query: Query) -> list[tuple[str, ...]] | None:
        """Return the files below a directory that may match, as the machine's ripgrep finds them.

        None if it has none.
        """
        try:
            ran = await self._vm.exec(
                command(query), cwd=self._path(place), max_output=_MOST_OUTPUT
            )
        except FileNotFoundError:
            return None
        output = ran.stdout_bytes
        complete = ran.exit_code in (0, 1)
        return paths(output[: output.rfind(b"\0") + 1]) if complete else None


@dataclass(frozen=True)
class _MachineTarget:
    """A name in a directory of a machine."""

    vm: AgentOs
    directory: str
    name: str

    def _beside(self, name: str) -> str:
        return posixpath.join(self.directory, name)

    async def open(self) -> int | None:
        """Open what has the name now, or None."""
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY
        try:
            return await self.vm.open_fd(self._beside(self.name), flags)
        except FileNotFoundError:
            return None

    async def create(self, name: str, mode: int) -> int:
        """Make a new file beside it and open it for writing."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        return await self.vm.open_fd(self._beside(name), flags, mode & ~0o022)

    async def keep(self, name: str, fd: int, status: os.stat_result) -> None:
        """Give that new file the mode of the one before it."""
        await self.vm.chmod(self._beside(name), status.st_mode & 0o777)

    async def put(self, name: str, *, over: bool) -> None:
        """Give that new file the name of the target."""
        await self.vm.move(self._beside(name), self._beside(self.name))

    async def discard(self, name: str) -> None:
        """Remove that new file."""
        await self.vm.remove(self._beside(name))
