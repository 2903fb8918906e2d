"""The files of a machine, as sync wants them: the same engine writes there as on the host."""

from __future__ import annotations

import asyncio
import codecs
import errno
import os
import re
from collections.abc import Coroutine, Iterable
from pathlib import Path, PurePosixPath
from stat import S_IMODE
from typing import Any, TypeVar

from agentos.agents.machine import AgentMachine
from agentos.errors import SyncError
from agentos.machine.protocol import FileStat
from agentos.sync.target import FileState

T = TypeVar("T")
_RAW = re.compile("[\udc80-\udcff]")
_STAND_INS = re.compile("[\uf780-\uf7ff]")  # of the private use area
_SHIFT = 0xF780 - 0xDC80
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_MOST_LINKS = 40  # as the kernel has it
_NOT_THERE = (errno.ENOENT, errno.ENOTDIR)


class MachineFiles:
    """Sync's file operations in a machine; called in a thread beside the machine's event loop.

    Args:
        machine: The machine.
        loop: The event loop that it lives in.
    """

    def __init__(self, machine: AgentMachine, loop: asyncio.AbstractEventLoop) -> None:
        self._machine = machine
        self._loop = loop
        self._odd: set[Path] = set()  # which are not UTF-8

    def look(self, path: Path) -> FileState | None:
        link = self._link(path)
        mode = self._mode(path)
        if mode is None:
            if link is not None:
                raise _refused(path, f"it is a link to {link}, not there")
            return None
        try:
            content = self._wait(self._machine.read_file(str(path)))
        except IsADirectoryError as error:
            raise SyncError(
                f"{path} is in the machine already, as a directory",
                code="is_directory",
                path=str(path),
                hint="remove it in the machine, or use another name",
            ) from error
        except OSError as error:
            raise _refused(path, error.strerror or str(error)) from error
        return FileState(self._read(path, content), mode, None, link)

    def real(self, path: Path) -> Path:
        rest, real, links = list(path.parts[1:]), PurePosixPath("/"), 0
        while rest:
            part = rest.pop(0)
            if part == "..":
                real = real.parent
                continue
            target = self._link(Path(real / part))
            if target is None:
                real = real / part
                continue
            links += 1
            if links > _MOST_LINKS:
                raise _refused(path, os.strerror(errno.ELOOP))
            rest = [*PurePosixPath(target).parts, *rest]
            if rest and rest[0] == "/":
                real, rest = PurePosixPath("/"), rest[1:]
        return Path(real)

    def directory_mode(self, path: Path) -> int | None:
        return self._mode(path)

    def make_directory(self, path: Path, mode: int) -> None:
        self._do(path, self._machine.mkdir(str(path)))
        self._do(path, self._machine.chmod(str(path), mode))

    def stage(self, path: Path, state: FileState, suffix: str) -> None:
        staged = str(self._beside(path, suffix))
        content = _raw(state.content) if path in self._odd else state.content
        self._do(path, self._machine.write_file(staged, content, mode=state.mode))
        self._do(path, self._machine.chmod(staged, state.mode))

    def settle(self, paths: Iterable[Path], suffix: str = "") -> None:
        """Do nothing: a machine's files last as long as the machine."""

    def place(self, path: Path, suffix: str) -> None:
        staged, real = self._beside(path, suffix), self.real(path)
        self._do(path, self._machine.move(str(staged), str(real)))

    def unstage(self, path: Path, suffix: str) -> None:
        staged = self._beside(path, suffix)
        if self._mode(staged) is not None:
            self._do(path, self._machine.remove(str(staged)))

    def link(self, path: Path, to: str) -> None:
        self._do(path, self._machine.symlink(to, str(path)))

    def remove(self, path: Path) -> None:
        self._do(path, self._machine.remove(str(path)))

    def remove_directory(self, path: Path) -> bool:
        if self._mode(path) is None or self._do(path, self._machine.listdir(str(path))):
            return False
        self._do(path, self._machine.remove(str(path)))
        return True

    def walk(self, path: Path, without: frozenset[str]) -> list[Path]:
        status = self._status(path)
        if status is None or not status.is_dir:
            return [] if status is None else [path]
        found = []
        for name in sorted(set(self._do(path, self._machine.listdir(str(path)))) - without):
            each = path / name
            below = self._status(each)
            if self._link(each) is None or not (below is None or below.is_dir):
                found += self.walk(each, without)
        return found

    def _read(self, path: Path, content: bytes) -> bytes:
        """Stand in for bytes that are not UTF-8: they stay as they are beside our section."""
        try:
            content.decode()
        except UnicodeDecodeError:
            text = content.decode(errors="surrogateescape")
            if not _STAND_INS.search(text) and not content.startswith(_UTF_16):
                self._odd.add(path)
                return _RAW.sub(lambda found: chr(ord(found[0]) + _SHIFT), text).encode()
        return content

    def _beside(self, path: Path, suffix: str) -> Path:
        real = self.real(path)
        return real.with_name(f".{real.name[:100]}{suffix}")

    def _mode(self, path: Path) -> int | None:
        status = self._status(path)
        return None if status is None else S_IMODE(status.mode)

    def _status(self, path: Path) -> FileStat | None:
        try:
            return self._wait(self._machine.stat(str(path)))
        except OSError as error:
            if error.errno == errno.ENOENT:
                return None
            raise _refused(path, error.strerror or str(error)) from error

    def _link(self, path: Path) -> str | None:
        try:
            return self._wait(self._machine.readlink(str(path)))
        except OSError as error:
            if error.errno in (errno.EINVAL, *_NOT_THERE):
                return None
            raise _refused(path, error.strerror or str(error)) from error

    def _do(self, path: Path, operation: Coroutine[Any, Any, T]) -> T:
        try:
            return self._wait(operation)
        except OSError as error:
            raise _refused(path, error.strerror or str(error)) from error

    def _wait(self, operation: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(operation, self._loop).result()


def _raw(content: bytes) -> bytes:
    text = _STAND_INS.sub(lambda found: chr(ord(found[0]) - _SHIFT), content.decode())
    return text.encode(errors="surrogateescape")


def _refused(path: Path, meaning: str) -> SyncError:
    hint = "nothing was changed; put it right in the machine"
    return SyncError(
        f"{path} in the machine: {meaning}", code="sync_failed", path=str(path), hint=hint
    )
