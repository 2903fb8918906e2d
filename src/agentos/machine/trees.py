"""The verbs of a machine that take many files at once, or whole directories."""

from __future__ import annotations

import errno
import fnmatch
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from agentos.machine.files import FileVerbs, Path
from agentos.machine.protocol import FileStat, Op
from agentos.machine.side_by_side import Job, side_by_side

_Path = TypeVar("_Path", bound=Path)


@dataclass(frozen=True, slots=True)
class DirEntry:
    """What a directory holds under one name; of a link, the link itself.

    Attributes:
        name: Its name there.
        path: The directory's path and its name.
        stat: Its status.
    """

    name: str
    path: str
    stat: FileStat


@dataclass(frozen=True, slots=True)
class FileResult:
    """What became of one of many files.

    Attributes:
        path: As it was asked for.
        content: What was read; empty if it was written, or failed.
        error: Why it failed, or None.
    """

    path: Path
    content: bytes = b""
    error: OSError | None = None

    @property
    def text(self) -> str:
        """The content, as UTF-8."""
        return self.content.decode()


class TreeVerbs(FileVerbs):
    """Verbs for many files and for directories."""

    async def read_files(self, paths: Iterable[Path]) -> list[FileResult]:
        """Read many files; that one fails stops no other.

        Args:
            paths: Regular files.

        Returns:
            A result for each path, in their order.

        Example:
            ```python
            await vm.write_files({"a/1": "one", "b/2": "two"})
            one, missing = await vm.read_files(["a/1", "a/3"])
            print(one.text, missing.error)
            ```
        """
        return await _each(paths, self.read_file)

    async def write_files(
        self, files: Mapping[_Path, str | bytes], *, mode: int = 0o644
    ) -> list[FileResult]:
        """Write many files, with the directories that they need; that one fails stops no other.

        Args:
            files: The new content of each path; text becomes UTF-8.
            mode: Permissions of files that are created.

        Returns:
            A result for each path, in their order.
        """

        async def write(path: _Path) -> bytes:
            try:
                await self.write_file(path, files[path], mode=mode)
            except FileNotFoundError:
                parent = os.path.dirname(self._encode(path))
                await self.mkdir(parent, parents=True)
                await self.write_file(path, files[path], mode=mode)
            return b""

        return await _each(files, write)

    async def scandir(self, path: Path = ".") -> list[DirEntry]:
        """Return what is in a directory, each with its status, sorted by name.

        Args:
            path: The directory. What vanishes from it meanwhile is left out.
        """
        directory = os.fsdecode(self._encode(path))
        found: dict[str, DirEntry] = {}

        def look_at(name: str) -> Job:
            async def look() -> None:
                whole = os.path.join(directory, name)
                try:
                    status = await self.stat(whole, follow_symlinks=False)
                except FileNotFoundError:
                    return
                found[name] = DirEntry(name, whole, status)

            return look

        names = await self.listdir(path)
        await side_by_side(look_at(name) for name in names)
        return [found[name] for name in names if name in found]

    async def walk(
        self, path: Path = ".", *, max_depth: int | None = None, exclude: Sequence[str] = ()
    ) -> AsyncIterator[tuple[str, list[str], list[str]]]:
        """Go through a tree, top down, as `os.walk` does: directory, its directories, its files.

        Links below `path` are not followed; they count as files. Names that the caller takes
        out of the list of directories are not entered.

        Args:
            path: Where to start.
            max_depth: How many levels of directories below it to enter; by default all.
            exclude: Patterns such as `"*.pyc"` or `"node_modules"` of names to leave out; one
                with a slash is about the path below `path`, such as `"build/cache"`.
        """
        top = os.fsdecode(self._encode(path))
        ahead = [(top, "", 0)]
        flags = os.O_RDONLY | os.O_DIRECTORY
        while ahead:
            directory, below, depth = ahead.pop()
            directories, files = (
                [name for name in names if not _excluded(name, below, exclude)]
                for names in await self._scan(directory, flags)
            )
            yield directory, directories, files
            if max_depth is None or depth < max_depth:
                ahead += [
                    (os.path.join(directory, name), f"{below}{name}/", depth + 1)
                    for name in reversed(directories)
                ]
            flags |= os.O_NOFOLLOW

    async def _scan(self, path: str, flags: int) -> tuple[list[str], list[str]]:
        fd = await self.open_fd(path, flags)
        directories: list[str] = []
        files: list[str] = []
        try:
            with os.scandir(fd) as entries:
                for entry in entries:
                    (directories if entry.is_dir(follow_symlinks=False) else files).append(
                        entry.name
                    )
        finally:
            os.close(fd)
        return sorted(directories), sorted(files)

    async def move(self, source: Path, target: Path) -> None:
        """Rename a file or directory, also between file systems of the machine."""
        try:
            await self.channel.call(Op.RENAME, [self._encode(source), self._encode(target)])
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            await self.copy(source, target)
            await self.remove(source, recursive=True)

    async def copy(self, source: Path, target: Path) -> None:
        """Copy a file, a link or a whole directory, with permissions.

        Args:
            source: What to copy.
            target: Its new path; a file there is replaced, a directory is added to.
        """
        from agentos.machine.transfer import copy_within

        await copy_within(
            self, os.fsdecode(self._encode(source)), os.fsdecode(self._encode(target))
        )

    async def upload(self, host: str | os.PathLike[str], vm: Path) -> None:
        """Copy a file or directory of the host into the machine.

        Args:
            host: A path on the host. Links in a directory stay links; sockets, pipes and
                devices are left out.
            vm: Its path in the machine.
        """
        from agentos.machine.transfer import upload

        await upload(self, os.fspath(host), os.fsdecode(self._encode(vm)))

    async def download(self, vm: Path, host: str | os.PathLike[str]) -> None:
        """Copy a file or directory of the machine to the host.

        Args:
            vm: A path in the machine.
            host: Its path on the host. Links stay links, and none is written through.
        """
        from agentos.machine.transfer import download

        await download(self, os.fsdecode(self._encode(vm)), os.fspath(host))


async def _each(
    paths: Iterable[_Path], work: Callable[[_Path], Awaitable[bytes]]
) -> list[FileResult]:
    """Do the same to many files, and say of each how it went."""
    wanted = list(paths)
    results = [FileResult(path) for path in wanted]

    def job(number: int) -> Job:
        async def do() -> None:
            path = wanted[number]
            try:
                results[number] = FileResult(path, await work(path))
            except OSError as error:
                results[number] = FileResult(path, error=error)

        return do

    await side_by_side(job(number) for number in range(len(wanted)))
    return results


def _excluded(name: str, below: str, patterns: Sequence[str]) -> bool:
    return any(
        fnmatch.fnmatchcase(below + name if "/" in pattern else name, pattern)
        for pattern in patterns
    )
