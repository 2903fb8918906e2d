"""A file to read, and what is found in it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from enum import StrEnum

from agentos.usage.reading.calls import Calls
from agentos.usage.reading.entry import Entry, Problem

_PROBLEMS_SHOWN = 1000
#: Of a file that could not be read: the next time it is tried again.
UNSEEN = (0, 0, 0, 0)
#: How many numbers a database's column can hold.
_NUMBERS = 1 << 64


class Format(StrEnum):
    """How a file is written."""

    CODEX = "codex"
    CLAUDE = "claude"
    GEMINI = "gemini"
    GEMINI_DOCUMENT = "gemini-document"
    OPENCODE_MESSAGE = "opencode-message"
    OPENCODE_DATABASE = "opencode-database"


@dataclass(frozen=True, slots=True)
class Place:
    """How far a file was read.

    Attributes:
        offset: The end of the last whole line, in bytes; of a database, the time of the last
            change, in milliseconds since 1970.
        line: The number of that line; of a database, of the last row.
        state: What the reader has to remember.
        head: A fingerprint of the file's beginning.
        tail: A fingerprint of what is before `offset`.
    """

    offset: int = 0
    line: int = 0
    state: str = ""
    head: str = ""
    tail: str = ""


@dataclass(frozen=True, slots=True)
class Job:
    """A file to read.

    Attributes:
        path: The file.
        format: How it is written.
        place: How far it was read before.
        session: The AgentOS session that it is of, with its profile and agent; empty on the host.
        metered: The gateway has the calls of that session; those that nothing joins to its own
            are not told again.
    """

    path: str
    format: Format
    place: Place
    session: str = ""
    profile: str = ""
    agent: str = ""
    metered: bool = False


@dataclass(slots=True)
class Piece:
    """What a part of a file tells.

    Attributes:
        path: The file.
        place: How far it is read now.
        seen: Device, inode, size and time of change in nanoseconds, from before it was read; until
            all of it is read, the last two are 0.
        entries: The calls that were read one by one.
        calls: Those that were read many at once; each has an answer's id.
        problems: What could not be counted.
        read: How many bytes were read.
        anew: The file is not the one that was read before: it is read from its beginning.
    """

    path: str
    place: Place
    seen: tuple[int, int, int, int] = UNSEEN
    entries: list[Entry] = field(default_factory=list)
    calls: list[Calls] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    read: int = 0
    anew: bool = False

    @property
    def size(self) -> int:
        """How many calls it tells of."""
        return len(self.entries) + sum(map(len, self.calls))

    @property
    def told(self) -> list[Calls]:
        """All calls."""
        return [*self.calls, Calls.of(self.entries)] if self.entries else self.calls

    def following(self) -> Piece:
        """Return the piece that comes next; who knows only this one has to read on."""
        seen, self.seen = self.seen, (*self.seen[:2], 0, 0)
        return Piece(self.path, self.place, seen)

    def problem(self, line: int, kind: str, message: str) -> None:
        """Note what cannot be counted; of very many, the first."""
        if len(self.problems) < _PROBLEMS_SHOWN:
            self.problems.append(Problem(self.path, line, kind, message))

    def unreadable(self, error: Exception) -> None:
        """Note that the file cannot be read, or not further; the next time it is tried again."""
        self.problem(0, "unreadable", getattr(error, "strerror", None) or str(error))
        self.seen = UNSEEN


def signs(path: str, found: os.stat_result) -> tuple[int, int, int, int]:
    """Return what is different when a file has changed: device, inode, size, time of change."""
    size, changed = found.st_size, found.st_mtime_ns
    if path.endswith(".db"):
        try:
            ahead = os.stat(f"{path}-wal")  # a database is written there first
        except OSError:
            ahead = None
        if ahead:
            size, changed = size + ahead.st_size, max(changed, ahead.st_mtime_ns)
    device, inode, size, changed = map(_kept, (found.st_dev, found.st_ino, size, changed))
    return device, inode, size, changed


def _kept(number: int) -> int:
    """Return a number that a column can hold: of some file systems' inodes, and of far times."""
    return (number + _NUMBERS // 2) % _NUMBERS - _NUMBERS // 2
