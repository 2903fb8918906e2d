"""Files that an agent is given in its machine; what the user wrote there is never lost."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import re
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from stat import S_IMODE

from agentos.agents.machine import AgentMachine
from agentos.errors import ConfigInvalid
from agentos.machine.patch import Entry

#: Lists what was written, with checksums, as sha256sum does.
_RECORD = ".agentos-files"
_DIRECTORY = "a directory"
_writing: weakref.WeakKeyDictionary[AgentMachine, asyncio.Lock] = weakref.WeakKeyDictionary()


@dataclass(frozen=True)
class Section:
    """A marked part of a text file of the user's.

    Args:
        path: The file.
        name: Which part; another one of this name is replaced.
        text: What it says.

    Raises:
        ConfigInvalid: The text has marks in it.
    """

    path: str
    name: str
    text: str

    def __post_init__(self) -> None:
        if "<!-- agentos:" in self.text:
            raise ConfigInvalid(f"the {self.name} for {self.path} have AgentOS's own marks in them")

    def within(self, file: bytes) -> bytes:
        """Return a file with this section: in place of the former one, else at its end.

        Raises:
            ConfigInvalid: The marks in the file are not a pair.
        """
        begin = f"<!-- agentos:{self.name} begin -->".encode()
        end = f"<!-- agentos:{self.name} end -->".encode()
        ours = begin + b"\n" + self.text.strip("\n").encode() + b"\n" + end
        if begin not in file and end not in file:
            gap = b"" if not file else b"\n" if file.endswith(b"\n") else b"\n\n"
            return file + gap + ours + b"\n"
        pair = re.escape(begin) + b".*" + re.escape(end)
        whole = re.search(pair, file, re.DOTALL)
        if whole is None or file.count(begin) != 1 or file.count(end) != 1:
            raise ConfigInvalid(
                f"{self.path} in the machine has damaged marks: {begin.decode()}",
                hint="leave one pair of begin and end, or none",
            )
        return file[: whole.start()] + ours + file[whole.end() :]


@dataclass(frozen=True)
class Provisions:
    """What is written into a machine before an agent's session is made.

    Args:
        root: The directory of the agent.
        files: Files and links by their paths below it.
        whole: Directories below it from which goes what earlier provisions left there.
        sections: Marked parts of text files.
    """

    root: str
    files: Mapping[str, Entry] = field(default_factory=dict)
    whole: Sequence[str] = ()
    sections: Sequence[Section] = ()

    async def write(self, machine: AgentMachine) -> None:
        """Write them; all is checked before anything is written.

        Raises:
            ConfigInvalid: A file of the user's is in the way.
        """
        async with _writing.setdefault(machine, asyncio.Lock()):
            record = await self._record(machine)
            found = {path: await _digest(machine, self._at(path)) for path in self.files}
            for path, digest in found.items():
                if digest not in (None, record.get(path), _digest_of(self.files[path])):
                    raise ConfigInvalid(
                        f"{self._at(path)} is in the machine already, and is not what AgentOS "
                        "wrote there",
                        hint="remove it in the machine, or use another name",
                    )
            texts = await self._texts(machine)
            await self._write_files(machine, found, record)
            for file, text in texts.items():
                await machine.mkdir(str(PurePosixPath(file).parent), parents=True)
                await machine.write_file(file, text)

    async def _texts(self, machine: AgentMachine) -> dict[str, bytes]:
        """Return the text files that change, as they will be."""
        before: dict[str, bytes] = {}
        texts: dict[str, bytes] = {}
        for section in self.sections:
            if section.path not in before:
                before[section.path] = await _read(machine, section.path) or b""
            text = texts.get(section.path, before[section.path])
            texts[section.path] = section.within(text)
        return {path: text for path, text in texts.items() if text != before[path]}

    async def _write_files(
        self, machine: AgentMachine, found: Mapping[str, str | None], record: dict[str, str]
    ) -> None:
        kept = dict(record)
        for path in record:
            if path not in self.files and path.startswith(tuple(f"{d}/" for d in self.whole)):
                if await _digest(machine, self._at(path)) == record[path]:
                    await machine.remove(self._at(path))
                del kept[path]
        for path, entry in self.files.items():
            if found[path] is not None:
                if path not in record:
                    continue  # the user's own, and the same
                await machine.remove(self._at(path))
            await _write(machine, self._at(path), entry)
            kept[path] = _digest_of(entry)
        if kept != record:
            lines = [f"{digest}  {path}\n" for path, digest in sorted(kept.items())]
            await machine.write_file(self._at(_RECORD), "".join(lines).encode())

    async def _record(self, machine: AgentMachine) -> dict[str, str]:
        text = (await _read(machine, self._at(_RECORD)) or b"").decode(errors="replace")
        pairs = (line.partition("  ") for line in text.splitlines())
        return {path: digest for digest, _, path in pairs}

    def _at(self, path: str) -> str:
        return f"{self.root}/{path}"


async def _write(machine: AgentMachine, path: str, entry: Entry) -> None:
    await machine.mkdir(str(PurePosixPath(path).parent), parents=True)
    if entry.is_link:
        await machine.symlink(entry.content.decode(errors="surrogateescape"), path)
    else:
        await machine.write_file(path, entry.content)
        await machine.chmod(path, S_IMODE(entry.mode) & 0o777)


async def _digest(machine: AgentMachine, path: str) -> str | None:
    """Tell what is in the machine, in short; None if nothing is."""
    try:
        return _sum(b"link " + (await machine.readlink(path)).encode(errors="surrogateescape"))
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            return None
        if error.errno != errno.EINVAL:  # it is no link
            raise
    try:
        return _sum(await machine.read_file(path))
    except IsADirectoryError:
        return _DIRECTORY


def _digest_of(entry: Entry) -> str:
    return _sum(b"link " + entry.content if entry.is_link else entry.content)


def _sum(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


async def _read(machine: AgentMachine, path: str) -> bytes | None:
    try:
        return await machine.read_file(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
