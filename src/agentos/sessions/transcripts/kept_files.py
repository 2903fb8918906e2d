"""The agent's own files of a session, kept with its transcript.

They lie in the data directory below `sessions/<id>/`, each at its path in the machine, so that an
agent can go on with a session in another machine.
"""

from __future__ import annotations

import asyncio
import errno
import fnmatch
import glob
import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from agentos.agents.machine import AgentMachine
from agentos.config import data_dir

#: How many files of a session are kept, and bytes of each: what is in a machine may be anything.
MOST_FILES = 100
MOST_BYTES = 256 * 2**20
#: Bytes in which the words of a pattern have to be.
_BEGINNING = 4096


class KeptFiles:
    """The files of one session.

    Args:
        session_id: The session.
    """

    def __init__(self, session_id: str) -> None:
        self._place = data_dir() / "sessions" / session_id

    async def keep(self, machine: AgentMachine, patterns: Sequence[str]) -> None:
        """Copy files out of the machine; of one that only grows, what is new.

        Args:
            machine: Where they are.
            patterns: Absolute paths; a `*` stands for a part of a name, and what follows a `#` are
                words that the file has to begin with, or soon after. An agent writes its files
                when there is something to write: until there is one, what was kept stays.

        Raises:
            OSError: The host's disk refuses, or there is more than is kept.
            MachineError: The machine has ended.
        """
        found = [path for pattern in patterns for path in await self._told(machine, pattern)]
        found = list(dict.fromkeys(found))
        for path in found[:MOST_FILES]:
            await self._copy_out(machine, path)
        if len(found) > MOST_FILES:
            raise OSError(errno.EFBIG, f"there are more than {MOST_FILES} of them", found[0])
        if found:
            self._forget_all_but({self._mine(path) for path in found})

    async def _told(self, machine: AgentMachine, pattern: str) -> list[str]:
        """List the files that a pattern stands for, with its words."""
        pattern, _, words = pattern.partition("#")
        found = await _matching(machine, pattern)
        if not words:
            return found
        return [
            path
            for path in found
            if self._mine(path).exists() or words.encode() in await _beginning(machine, path)
        ]

    async def put_back(self, machine: AgentMachine) -> None:
        """Write the kept files into a machine that does not have them."""
        for mine in self._files():
            path = "/" + str(mine.relative_to(self._place).as_posix())
            if not await machine.exists(path):
                await machine.mkdir(str(PurePosixPath(path).parent), parents=True)
                data = await asyncio.to_thread(mine.read_bytes)
                await machine.write_file(path, data, mode=0o600)

    def remove(self) -> None:
        """Forget them."""
        shutil.rmtree(self._place, ignore_errors=True)

    async def _copy_out(self, machine: AgentMachine, path: str) -> None:
        mine = self._mine(path)
        known = await asyncio.to_thread(_end_of, mine) if path.endswith(".jsonl") else None
        size, end = known or (0, b"")
        fresh = await _read(machine, path, size - len(end))
        if fresh.startswith(end):
            fresh = fresh[len(end) :]
        else:  # it was written anew
            size, fresh = 0, await _read(machine, path, 0)
        if fresh or not size:
            await asyncio.to_thread(_write, mine, size, fresh)

    def _files(self) -> list[Path]:
        return sorted(path for path in self._place.rglob("*") if path.is_file())

    def _forget_all_but(self, wanted: set[Path]) -> None:
        for mine in self._files():
            if mine not in wanted:
                mine.unlink()

    def _mine(self, path: str) -> Path:
        parts = PurePosixPath(path).parts
        if not path.startswith("/") or ".." in parts:
            raise OSError(errno.EINVAL, "no absolute path without ..", path)
        return self._place.joinpath(*parts[1:])


async def _matching(machine: AgentMachine, pattern: str) -> list[str]:
    """List the paths in a machine that a pattern stands for."""
    found = [""]
    for part in PurePosixPath(pattern).parts[1:]:
        if "*" not in part:
            found = [f"{path}/{part}" for path in found]
            continue
        # No expression of our own: an agent's id with many stars would keep it busy for hours.
        wanted = re.compile(fnmatch.translate("*".join(map(glob.escape, part.split("*")))))
        found = [
            f"{path}/{name}"
            for path in found
            for name in await _names(machine, path)
            if wanted.fullmatch(name)
        ]
    return [path for path in found if await machine.exists(path)]


async def _beginning(machine: AgentMachine, path: str) -> bytes:
    return await machine.read_file(path, offset=0, size=_BEGINNING)


async def _names(machine: AgentMachine, path: str) -> list[str]:
    try:
        return await machine.listdir(path or "/")
    except (FileNotFoundError, NotADirectoryError):
        return []


async def _read(machine: AgentMachine, path: str, offset: int) -> bytes:
    data = await machine.read_file(path, offset=offset, size=MOST_BYTES + 1)
    if offset + len(data) > MOST_BYTES:
        raise OSError(errno.EFBIG, f"it is larger than {MOST_BYTES >> 20} MB", path)
    return data


def _end_of(mine: Path) -> tuple[int, bytes] | None:
    """Return the size of a kept file and its last kilobyte; None if there is no such file."""
    try:
        with mine.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(size - 1024, 0))
            return size, file.read()
    except FileNotFoundError:
        return None


def _write(mine: Path, size: int, grown: bytes) -> None:
    mine.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = mine.with_name(f"{mine.name}.new")
    if size:
        shutil.copyfile(mine, fresh)
    with fresh.open("ab" if size else "wb") as file:
        file.write(grown)
    os.replace(fresh, mine)
