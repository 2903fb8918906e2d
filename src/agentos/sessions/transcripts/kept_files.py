"""The agent's own files of a session, kept with its transcript.

They lie in the data directory below `sessions/<id>/`, each at its path in the machine, so that an
agent can go on with a session in another machine.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from agentos.agents.machine import AgentMachine
from agentos.config import data_dir


class KeptFiles:
    """The files of one session.

    Args:
        session_id: The session.
    """

    def __init__(self, session_id: str) -> None:
        self._place = data_dir() / "sessions" / session_id

    async def keep(self, machine: AgentMachine, files: Sequence[str]) -> None:
        """Copy files out of the machine; of a file that has only grown, what is new.

        Raises:
            OSError: The host's disk refuses.
            MachineError: The machine has ended.
        """
        for path in files:
            mine = self._mine(path)
            try:
                size = mine.stat().st_size if mine.exists() else 0
                grown = await machine.read_file(path, offset=size)
                if size and not await self._same_beginning(machine, path, mine):
                    size, grown = 0, await machine.read_file(path)
            except FileNotFoundError:
                continue  # an agent writes it when there is something to write
            if grown or not size:
                await asyncio.to_thread(_replace, mine, size, grown)

    async def put_back(self, machine: AgentMachine) -> list[str]:
        """Write the kept files into a machine that does not have them; return their paths there."""
        found = []
        for mine in sorted(p for p in self._place.rglob("*") if p.is_file()):
            path = "/" + str(mine.relative_to(self._place).as_posix())
            found.append(path)
            try:
                await machine.read_file(path, offset=mine.stat().st_size)
            except (FileNotFoundError, NotADirectoryError):
                await machine.mkdir(str(PurePosixPath(path).parent), parents=True)
                await machine.write_file(path, await asyncio.to_thread(mine.read_bytes))
        return found

    def remove(self) -> None:
        """Forget them."""
        shutil.rmtree(self._place, ignore_errors=True)

    def _mine(self, path: str) -> Path:
        parts = PurePosixPath(path).parts
        if not path.startswith("/") or ".." in parts:
            raise ValueError(f"an agent's file has an absolute path without ..: {path!r}")
        return self._place.joinpath(*parts[1:])

    @staticmethod
    async def _same_beginning(machine: AgentMachine, path: str, mine: Path) -> bool:
        """Tell whether a file begins as before: the last kilobyte that is known is compared."""
        known = await asyncio.to_thread(mine.read_bytes)
        start = max(len(known) - 1024, 0)
        now = await machine.read_file(path, offset=start)
        return now[: len(known) - start] == known[start:]


def _replace(mine: Path, size: int, grown: bytes) -> None:
    mine.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = mine.with_name(f"{mine.name}.new")
    if size:
        shutil.copyfile(mine, fresh)
    with fresh.open("ab" if size else "wb") as file:
        file.write(grown)
    os.replace(fresh, mine)
