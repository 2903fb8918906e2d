"""Links that a session is given: sync's engine has files alone."""

from __future__ import annotations

import errno
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from agentos.agents.machine import AgentMachine
from agentos.errors import ConfigInvalid

#: Lists our links below the agent's directory: the path, a tab, where it leads.
_RECORD = ".agentos-links"


@dataclass(frozen=True)
class GivenLinks:
    """Links below a directory, and what was there when they were checked.

    Attributes:
        machine: Where they go.
        root: The directory.
        wanted: Where each is to lead, by its path.
        whole: Directories below it from which earlier links go.
        ours: What was written earlier.
    """

    machine: AgentMachine
    root: str
    wanted: Mapping[str, str]
    whole: Sequence[str]
    ours: Mapping[str, str]

    @classmethod
    async def checked(
        cls, machine: AgentMachine, root: str, wanted: Mapping[str, str], whole: Sequence[str]
    ) -> GivenLinks:
        """See what is there.

        Raises:
            ConfigInvalid: Something of the user's is in the way.
        """
        record = f"{root}/{_RECORD}"
        text = await machine.read_text(record) if await machine.exists(record) else ""
        ours = {path: to for path, _, to in (line.partition("\t") for line in text.splitlines())}
        links = cls(machine, root, wanted, whole, ours)
        for path, to in wanted.items():
            if await links._there(path) not in (None, to, ours.get(path)):
                raise ConfigInvalid(
                    f"{root}/{path} is in the machine already, and is not what AgentOS wrote there",
                    hint="remove it in the machine, or use another name",
                )
        return links

    async def write(self) -> None:
        """Make them, and remove those of ours that are not wanted any more."""
        kept = dict(self.ours)
        for path, to in self.ours.items():
            if path in self.wanted or not path.startswith(tuple(f"{d}/" for d in self.whole)):
                continue
            if await self._there(path) == to:
                await self.machine.remove(f"{self.root}/{path}")
            del kept[path]
        for path, to in self.wanted.items():
            found = await self._there(path)
            if found != to:
                place = f"{self.root}/{path}"
                if found is not None:
                    await self.machine.remove(place)
                await self.machine.mkdir(str(PurePosixPath(place).parent), parents=True)
                await self.machine.symlink(to, place)
            kept[path] = to
        if kept != self.ours:
            lines = "".join(f"{path}\t{to}\n" for path, to in sorted(kept.items()))
            data = lines.encode(errors="surrogateescape")
            await self.machine.write_file(f"{self.root}/{_RECORD}", data)

    async def _there(self, path: str) -> str | None:
        """Where a link leads; nothing if none is there, and `/` for what is no link."""
        try:
            return await self.machine.readlink(f"{self.root}/{path}")
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENOTDIR):
                return None
            if error.errno != errno.EINVAL:
                raise
            return "/"
