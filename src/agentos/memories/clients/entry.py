"""Something that a client wrote down, and how its files are read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Literal

from agentos.config import user_home
from agentos.errors import ConfigInvalid
from agentos.home.reading import read_bytes
from agentos.memories.duplicates import fingerprint
from agentos.memories.memory import MemoryType

#: What an entry is to its client. Summaries, raw notes and sessions are what memories are made
#: from; instructions and rules are mostly the user's own words.
Kind = Literal["memory", "note", "rule", "instructions", "summary", "raw", "session"]
#: Kinds that are offered for review.
PROPOSED: frozenset[Kind] = frozenset({"memory", "note", "rule"})
_MOST_BYTES = 4_000_000
_MOST_FILES = 5_000
_MOST_IN_ALL = 100_000_000
_BEGIN = re.compile(r"[ \t]*<!-- BEGIN AgentOS: (\S+) ")
_END = re.compile(r"[ \t]*<!-- END AgentOS: (\S+) -->")


@dataclass(frozen=True)
class Entry:
    """Something that a client wrote down.

    Attributes:
        client: Which one: `codex`, `claude`, `cursor`.
        kind: What it is to the client.
        title: What it is about, in a line.
        text: What it says.
        path: The file.
        line: Where in it, counted from 1.
        type: As the client says, or as its place tells.
        project: The project's directory, or the name that the client made of that.
        written: When; of a file without a date, when it was changed.
    """

    client: str
    kind: Kind
    title: str
    text: str
    path: Path
    line: int = 1
    type: MemoryType | None = None
    project: str | None = None
    written: datetime | None = None

    @cached_property
    def id(self) -> str:
        """What entries share that say the same."""
        return fingerprint(self.text)

    @property
    def proposed(self) -> bool:
        """Whether it is offered for review."""
        return self.kind in PROPOSED


@dataclass(frozen=True)
class Page:
    """A file of a client's.

    Attributes:
        path: Where it is.
        text: What it says, without what sync put there.
        changed: When it was last written.
    """

    path: Path
    text: str
    changed: datetime


@dataclass
class Reader:
    """Reads clients' files; what cannot be read is noted, and the rest goes on.

    Attributes:
        env: `HOME`, and the variables that move clients' directories.
        projects: Directories of projects.
        unreadable: What could not be read, a sentence each.
    """

    env: Mapping[str, str]
    projects: tuple[Path, ...] = ()
    unreadable: list[str] = field(default_factory=list)
    _bytes: int = 0

    def directory(self, variable: str, name: str) -> Path:
        """Return a client's directory: what a variable says, or one in the user's home."""
        return Path(self.env.get(variable) or self.home / name)

    @property
    def home(self) -> Path:
        """The user's home."""
        return Path(self.env.get("HOME") or user_home())

    def page(self, path: Path) -> Page | None:
        """Read a file; None if there is none, or it cannot be read."""
        if self._bytes > _MOST_IN_ALL:
            self.unreadable.append(f"{path} is not read: there is too much of it all")
            return None
        try:
            content, found = read_bytes(path, _MOST_BYTES)
        except FileNotFoundError:
            return None
        except ConfigInvalid as error:
            self.unreadable.append(error.message)
            return None
        self._bytes += len(content)
        text = content.decode("utf-8-sig", errors="replace").replace("\r\n", "\n")
        return Page(path, without_sections(text), datetime.fromtimestamp(found.st_mtime, UTC))

    def pages(self, directory: Path, pattern: str) -> Iterator[Page]:
        """Read the files of a directory, in order."""
        try:
            paths = sorted(directory.glob(pattern))
        except OSError as error:
            self.unreadable.append(f"{directory} cannot be read: {error.strerror}")
            return
        if len(paths) > _MOST_FILES:
            self.unreadable.append(f"{directory} has {len(paths)} files: the first are read")
        for path in paths[:_MOST_FILES]:
            if not path.is_dir() and (page := self.page(path)):
                yield page


def parts(text: str, level: int) -> Iterator[tuple[int, str, str]]:
    """Divide a text at its headings of a level.

    Yields:
        The line, from 1, the heading, empty before the first, and the text below it.
    """
    mark = f"{'#' * level} "
    line, heading, below = 1, "", list[str]()
    for number, each in enumerate(text.split("\n"), 1):
        if each.startswith(mark):
            yield line, heading, "\n".join(below).strip()
            line, heading, below = number, each[len(mark) :].strip(), []
        else:
            below.append(each)
    yield line, heading, "\n".join(below).strip()


def without_sections(text: str) -> str:
    """Return a text without what sync put into it, which is no word of the client's."""
    if "<!-- BEGIN AgentOS: " not in text:
        return text
    lines = text.splitlines(keepends=True)
    last = {found[1]: at for at, line in enumerate(lines) if (found := _END.match(line))}
    kept, inside = list[str](), ""
    for at, line in enumerate(lines):
        if not inside and (begin := _BEGIN.match(line)) and last.get(begin[1], -1) > at:
            inside = begin[1]
        elif inside:
            end = _END.match(line)
            inside = "" if end and end[1] == inside else inside
        else:
            kept.append(line)
    return "".join(kept)
