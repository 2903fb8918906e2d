"""A memory that is up for review, and how it is kept."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Literal, TypeVar

from agentos.errors import AgentOsError
from agentos.home.replacing import replace_file
from agentos.memories.clients.entry import Entry
from agentos.memories.memory import Memory, MemoryType
from agentos.memories.reading import LONGEST_DESCRIPTION

#: Wordings that are kept beside the first.
MOST_VARIANTS = 20
_LONGEST_NAME = 60
Item = TypeVar("Item")


@dataclass(frozen=True)
class Origin:
    """Where a candidate was written: by which client, in which file and line, and when."""

    client: str
    path: str
    line: int
    written: str | None

    @classmethod
    def of(cls, entry: Entry) -> Origin:
        """Return an entry's."""
        written = entry.written.isoformat(timespec="seconds") if entry.written else None
        return cls(entry.client, str(entry.path), entry.line, written)


@dataclass(frozen=True)
class Candidate:
    """A memory that somebody has to decide on.

    Attributes:
        id: Twelve hexadecimal digits.
        title: What it is about.
        text: What it says.
        type: What it would be.
        project: Where it would hold, by its name in `agentos.toml`; everywhere if None.
        about: The project as the client calls it.
        origins: Who wrote it, and where: one for each file.
        variants: Other wordings that are near it.
        like: The memory that it is near to, which it may be to correct.
        findings: Secrets and personal data in it, a line each.
        at: When it came, in seconds since 1970.
        state: `open`, `accepted` or `rejected`.
        closed_at: When it was decided.
        answer: Why it was rejected, or the file that it became.
    """

    id: str
    title: str
    text: str
    type: MemoryType
    project: str | None
    about: str | None
    origins: tuple[Origin, ...]
    variants: tuple[str, ...] = ()
    like: str | None = None
    findings: tuple[str, ...] = ()
    at: float = 0.0
    state: Literal["open", "accepted", "rejected"] = "open"
    closed_at: float | None = None
    answer: str | None = None

    @property
    def clients(self) -> tuple[str, ...]:
        """Who wrote it, each once."""
        return tuple(sorted({origin.client for origin in self.origins}))

    def memory(self) -> Memory:
        """Return the memory that it would be."""
        written = max((o.written for o in self.origins if o.written), default=None)
        return Memory(
            name=_name(self.title) or f"memory-{self.id}",
            type=self.type,
            description=_line(self.title),
            text=self.text,
            project=self.project,
            client=", ".join(self.clients),
            written=datetime.fromisoformat(written) if written else None,
        )


@dataclass(frozen=True)
class Changes:
    """What the user wants otherwise in a memory; None leaves it.

    Attributes:
        name, type, description: Of the memory.
        project: Where it holds; the empty text is everywhere.
    """

    name: str | None = None
    type: MemoryType | None = None
    description: str | None = None
    project: str | None = None

    def of(self, memory: Memory) -> Memory:
        """Return a memory with the changes."""
        project = memory.project if self.project is None else self.project or None
        return replace(
            memory,
            name=self.name or memory.name,
            type=self.type or memory.type,
            description=self.description or memory.description,
            project=project,
        )


def candidate_of(entries: Iterable[Entry], project: str | None, at: float) -> Candidate:
    """Make a candidate of entries that say the same; their order makes no difference.

    Args:
        entries: The entries; the longest speaks for all.
        project: The project that they are all of; None if they are of several, or of none.
        at: The time, in seconds since 1970.
    """
    ranked = sorted(entries, key=_rank)
    chosen = ranked[0]
    named = next((each.type for each in ranked if each.type), None)
    abouts = {each.project for each in ranked}
    about = chosen.project if len(abouts) == 1 else None
    return Candidate(
        id=chosen.id,
        title=chosen.title,
        text=chosen.text,
        type=named or ("project" if about else "reference"),
        project=project,
        about=about,
        origins=files_of(map(Origin.of, ranked)),
        variants=unique(each.text for each in ranked if each.id != chosen.id)[:MOST_VARIANTS],
        at=at,
    )


def files_of(origins: Iterable[Origin]) -> tuple[Origin, ...]:
    """Return one origin of each file: lines and dates change whenever a client writes it again."""
    found = {(each.client, each.path): each for each in origins}
    return tuple(sorted(found.values(), key=lambda each: (each.client, each.path)))


def unique(items: Iterable[Item]) -> tuple[Item, ...]:
    """Return items each once, in their order."""
    return tuple(dict.fromkeys(items))


def write_candidate(path: Path, candidate: Candidate) -> None:
    """Write a candidate's file, at once and for its owner alone."""
    replace_file(path, json.dumps(asdict(candidate), indent=1).encode(), mode=0o600)


def read_candidate(path: Path) -> Candidate | None:
    """Read a candidate's file; None if there is none.

    Raises:
        AgentOsError: It is not as AgentOS writes it.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        said = json.loads(content)
        for key in ("variants", "findings"):
            said[key] = tuple(said[key])
        said["origins"] = tuple(Origin(**each) for each in said["origins"])
        return Candidate(**said)
    except (ValueError, TypeError, KeyError) as error:
        raise AgentOsError(
            f"{path} is no memory for review: {error}",
            code="candidate_broken",
            hint="it was written by something else; move it away",
        ) from error


def read_candidates(directory: Path) -> Sequence[Candidate]:
    """Return the candidates of a directory, the oldest first."""
    found = [read_candidate(path) for path in directory.glob("[!.]*.json")]
    return sorted((each for each in found if each), key=lambda each: (each.at, each.id))


def _rank(entry: Entry) -> tuple[object, ...]:
    written = entry.written.timestamp() if entry.written else 0.0
    return -len(entry.text), entry.text, entry.client, str(entry.path), entry.line, written


def _name(title: str) -> str:
    words = re.findall(r"[a-z0-9]+", title.casefold())
    name = "-".join(words)
    return name if len(name) <= _LONGEST_NAME else name[:_LONGEST_NAME].rpartition("-")[0]


def _line(title: str) -> str:
    line = " ".join(title.split())
    return line if len(line) <= LONGEST_DESCRIPTION else f"{line[: LONGEST_DESCRIPTION - 3]}..."
