"""What every client knows, side by side: the home's memories and what clients wrote themselves."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from agentos.memories.clients.claude import slug
from agentos.memories.clients.entry import PROPOSED, Entry, Kind
from agentos.memories.duplicates import grouped, normalised
from agentos.memories.memory import Memory, MemoryType
from agentos.memories.reading import full_name, memory_path

#: Where the memories of the home are from, beside the clients.
HOME = "agentos"


@dataclass(frozen=True)
class Copy:
    """A memory as one client has it.

    Attributes:
        client: `agentos` for one of the home, or the client.
        kind: What it is to the client.
        title: What it is about.
        text: What it says.
        path: The file.
        line: Where in it, counted from 1.
        type: What it is about, if that is known.
        project: Its project in `agentos.toml`.
        about: Its project as the client calls it.
        written: When.
        author: Which client wrote a memory of the home; None for the user.
        source: The memory of the home, or what the client wrote.
    """

    client: str
    kind: Kind
    title: str
    text: str
    path: Path
    line: int
    type: MemoryType | None
    project: str | None
    about: str | None
    written: datetime | None
    author: str | None
    source: Memory | Entry = field(compare=False)

    @cached_property
    def key(self) -> str:
        """What tells it from all others: 16 hexadecimal digits, of its place."""
        return _digest(self.client, self.kind, str(self.path), str(self.line))[:16]

    @cached_property
    def version(self) -> str:
        """What changes when it says anything else."""
        said = (self.key, self.title, self.text, self.type or "", self.project or "")
        return _digest(*said)[:32]

    @property
    def name(self) -> str | None:
        """What the home calls it; None for what a client wrote."""
        return full_name(self.source) if isinstance(self.source, Memory) else None


def side_by_side(
    home: Path,
    memories: Iterable[Memory],
    entries: Iterable[Entry],
    projects: Mapping[str, Path],
) -> tuple[Copy, ...]:
    """Return what every client knows, the home's memories first.

    Args:
        home: The AgentOS home.
        memories: Its memories.
        entries: What clients wrote, as `written_by_clients` returns it.
        projects: Directories of the projects, by name.
    """
    named = {said: name for name, path in projects.items() for said in (str(path), slug(path))}
    ours = [_of_home(home, each) for each in memories]
    return (*ours, *(_of_client(each, named) for each in entries))


def same(copies: Sequence[Copy]) -> dict[str, tuple[str, ...]]:
    """Tell which are copies of each other: they say nearly the same, or have the same title.

    Args:
        copies: As `side_by_side` returns them.

    Returns:
        For each key, those of the others. A title counts only in other clients, for the same
        project, and not among what memories are made from.
    """
    found: dict[str, dict[str, None]] = {copy.key: {} for copy in copies}
    for group in grouped((copy.text, copy) for copy in copies):
        for one in group:
            found[one.key] |= {other.key: None for other in group if other is not one}
    titled: dict[tuple[str, str], list[Copy]] = {}
    for copy in copies:
        if copy.kind in PROPOSED:
            titled.setdefault((normalised(copy.title), _place(copy)), []).append(copy)
    for group in titled.values():
        for one in group:
            found[one.key] |= {each.key: None for each in group if each.client != one.client}
    return {key: tuple(others) for key, others in found.items()}


def difference(one: Copy, other: Copy) -> str:
    """Return the unified diff from one copy to another; empty if they say the same."""
    names = (f"{copy.client}: {copy.path}" for copy in (one, other))
    return unified(one.text, other.text, *names)


def unified(old: str, new: str, old_name: str, new_name: str) -> str:
    """Return the unified diff from one text to another."""
    before, after = (f"{text.strip()}\n".splitlines() for text in (old, new))
    lines = difflib.unified_diff(before, after, old_name, new_name, lineterm="")
    return "".join(f"{line}\n" for line in lines)


def _of_home(home: Path, memory: Memory) -> Copy:
    path = memory_path(home, memory.name, memory.project)
    written = memory.written or datetime.fromtimestamp(path.stat().st_mtime, UTC)
    return Copy(
        client=HOME,
        kind="memory",
        title=memory.description,
        text=memory.text,
        path=path,
        line=1,
        type=memory.type,
        project=memory.project,
        about=memory.project,
        written=written,
        author=memory.client,
        source=memory,
    )


def _of_client(entry: Entry, named: Mapping[str, str]) -> Copy:
    return Copy(
        client=entry.client,
        kind=entry.kind,
        title=entry.title,
        text=entry.text,
        path=entry.path,
        line=entry.line,
        type=entry.type,
        project=named.get(entry.project or ""),
        about=entry.project,
        written=entry.written,
        author=None,
        source=entry,
    )


def _place(copy: Copy) -> str:
    """What copies of one project have in common, however their clients call it."""
    return copy.project or (slug(Path(copy.about)) if copy.about else "")


def _digest(*said: str) -> str:
    return hashlib.sha256("\0".join(said).encode(errors="surrogatepass")).hexdigest()
