"""What clients wrote down, kept for review until the user decides.

Each is a file in `memory-inbox` of the state directory: `ID.json` while it is open, and
`closed/ID.json` once it was accepted or rejected, so that it does not come back. Nothing of it is
in the AgentOS home, which is a repository, before it was accepted.
"""

from __future__ import annotations

import fcntl
import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from agentos.config import state_dir
from agentos.errors import AgentOsError
from agentos.memories.candidate import (
    MOST_VARIANTS,
    Candidate,
    Changes,
    Origin,
    candidate_of,
    files_of,
    read_candidate,
    read_candidates,
    unique,
    write_candidate,
)
from agentos.memories.clients.claude import slug
from agentos.memories.clients.entry import Entry
from agentos.memories.duplicates import are_near, fingerprint, grouped
from agentos.memories.memory import Memory
from agentos.memories.reading import full_name, load_memories
from agentos.memories.screening import findings, require_clean
from agentos.memories.writing import add_memory, free_name

FOLDER = "memory-inbox"
CLOSED = "closed"
MOST_OPEN = 1_000
_ID = re.compile(r"[0-9a-f]{12}")


@dataclass(frozen=True)
class Pulled:
    """What a pull brought.

    Attributes:
        new: Candidates that were not there.
        merged: How many entries said what a candidate says already.
        known: How many are memories, or were decided on before.
        left_out: How many there was no room for.
    """

    new: tuple[Candidate, ...] = ()
    merged: int = 0
    known: int = 0
    left_out: int = 0


class Inbox:
    """The memories that are up for review.

    Args:
        home: The AgentOS home.
        state: The state directory; the usual one by default.
        projects: Directories of the projects, by name, which candidates are of.
    """

    def __init__(
        self, home: Path, state: Path | None = None, projects: Mapping[str, Path] | None = None
    ) -> None:
        self._home = home
        self._open = (state or state_dir()) / FOLDER
        self._closed = self._open / CLOSED
        self._projects = projects or {}

    def pull(self, entries: Iterable[Entry]) -> Pulled:
        """Take in what clients wrote down. What says the same becomes one candidate.

        Args:
            entries: What they wrote, as `written_by_clients` returns it.

        Raises:
            ConfigInvalid: A memory of the home cannot be read.
        """
        with self._locked():
            memories = load_memories(self._home)
            known = {fingerprint(each.text) for each in memories} | self._decided()
            proposed = [each for each in entries if each.proposed]
            fresh = [each for each in proposed if each.id not in known]
            pulled = self._merge(fresh, read_candidates(self._open), memories)
            return replace(pulled, known=pulled.known + len(proposed) - len(fresh))

    def open(self) -> Sequence[Candidate]:
        """Return the candidates that wait, the oldest first."""
        return read_candidates(self._open)

    def closed(self) -> Sequence[Candidate]:
        """Return those that were decided, the oldest first."""
        return read_candidates(self._closed)

    def find(self, said: str) -> Candidate:
        """Return a candidate that waits.

        Args:
            said: Its id, or the beginning of it.

        Raises:
            AgentOsError: There is none, there are several, or it was decided already.
        """
        waiting = [each for each in self.open() if said and each.id.startswith(said)]
        if len(waiting) == 1:
            return waiting[0]
        if waiting:
            raise AgentOsError(
                f"{len(waiting)} memories in the inbox begin with {said}",
                code="candidate_ambiguous",
                hint="write more of it",
            )
        if _ID.fullmatch(said) and (decided := read_candidate(self._closed / f"{said}.json")):
            raise AgentOsError(f"{said} was {decided.state} already", code="candidate_closed")
        raise AgentOsError(
            f"there is no memory {said!r} in the inbox",
            code="candidate_unknown",
            hint="agentos memory inbox shows those that wait",
        )

    def accept(
        self, said: str, changes: Changes | None = None, *, despite_findings: bool = False
    ) -> Path:
        """Make a candidate a memory.

        Args:
            said: Its id.
            changes: What is to be otherwise.
            despite_findings: Whether it is taken with the secrets and personal data in it.

        Returns:
            The memory's file. Committing it is left to the user.

        Raises:
            SecretsFound: There are such in it; nothing is changed.
            ConfigInvalid: There is a memory of this name, or it cannot be one.
            AgentOsError: There is no such candidate.
        """
        with self._locked():
            candidate = self.find(said)
            command = None if despite_findings else f"agentos memory accept {candidate.id}"
            path = self._add_memory(candidate, changes, command)
            self._close(candidate, "accepted", str(path.relative_to(self._home)))
            return path

    def promote(
        self, entry: Entry, changes: Changes | None = None, *, despite_findings: bool = False
    ) -> Path:
        """Make what a client wrote a memory, whether it waits for review or not.

        Args:
            entry: What it wrote.
            changes: What is to be otherwise.
            despite_findings: Whether it is taken with the secrets and personal data in it.

        Returns:
            The memory's file. Nothing that says the same waits any more.

        Raises:
            SecretsFound: There are such in it; nothing is changed.
            ConfigInvalid: There is a memory of this name, or it cannot be one.
        """
        with self._locked():
            candidate = candidate_of([entry], self._project(entry.project), time.time())
            command = None if despite_findings else f"agentos memory promote {entry.id}"
            path = self._add_memory(candidate, changes, command)
            for each in self.open():
                if entry.id in (each.id, *map(fingerprint, each.variants)):
                    self._close(each, "accepted", str(path.relative_to(self._home)))
            return path

    def reject(self, said: str, reason: str | None = None) -> Candidate:
        """Leave a candidate out; it does not come back.

        Raises:
            AgentOsError: There is no such candidate.
        """
        with self._locked():
            return self._close(self.find(said), "rejected", reason)

    def _add_memory(
        self, candidate: Candidate, changes: Changes | None, unless_clean: str | None
    ) -> Path:
        memory = (changes or Changes()).of(candidate.memory())
        if changes is None or changes.name is None:
            memory = free_name(self._home, memory)
        if unless_clean is not None:
            require_clean(self._home, memory, unless_clean)
        return add_memory(self._home, memory)

    def _merge(
        self, fresh: Sequence[Entry], waiting: Sequence[Candidate], memories: Sequence[Memory]
    ) -> Pulled:
        items: list[tuple[str, Entry | Candidate | Memory | str]] = [
            *((each.text, each) for each in fresh),
            *((text, each) for each in waiting for text in (each.text, *each.variants)),
            *((each.text, each) for each in memories),
            *((text, text) for text in self._rejected()),
        ]
        new, merged, known, left_out = list[Candidate](), 0, 0, 0
        for group in grouped(items):
            found = [each for each in group if isinstance(each, Entry)]
            rejected = [each for each in group if isinstance(each, str)]
            entries = [e for e in found if not any(are_near(e.text, text) for text in rejected)]
            known += len(found) - len(entries)
            there = [each for each in group if isinstance(each, Candidate)]
            alike = [full_name(each) for each in group if isinstance(each, Memory)]
            if not entries:
                continue
            if there:
                merged += len(entries)
                self._add(min(there, key=lambda each: (each.at, each.id)), entries)
            elif len(waiting) + len(new) >= MOST_OPEN:
                left_out += len(entries)
            else:
                merged += len(entries) - 1
                new.append(self._new(entries, min(alike, default=None)))
        new.sort(key=lambda each: each.id)
        return Pulled(tuple(new), merged, known, left_out)

    def _new(self, entries: Sequence[Entry], like: str | None) -> Candidate:
        projects = {self._project(each.project) for each in entries}
        project = projects.pop() if len(projects) == 1 else None
        candidate = replace(candidate_of(entries, project, time.time()), like=like)
        candidate = replace(candidate, findings=findings(self._home, candidate.memory()))
        write_candidate(self._open / f"{candidate.id}.json", candidate)
        return candidate

    def _add(self, candidate: Candidate, entries: Sequence[Entry]) -> None:
        others = sorted({each.text for each in entries if each.id != candidate.id})
        more = replace(
            candidate,
            origins=files_of([*candidate.origins, *sorted(map(Origin.of, entries), key=str)]),
            variants=unique([*candidate.variants, *others])[:MOST_VARIANTS],
        )
        if more != candidate:
            write_candidate(self._open / f"{candidate.id}.json", more)

    def _project(self, said: str | None) -> str | None:
        """The project of `agentos.toml` that a client means by a directory, or its name for it."""
        for name, path in self._projects.items():
            if said in (str(path), slug(path)):
                return name
        return None

    def _decided(self) -> set[str]:
        return {
            id
            for each in self.closed()
            for id in (each.id, *(fingerprint(text) for text in each.variants))
        }

    def _rejected(self) -> Iterator[str]:
        """Yield what does not come back, in other words neither."""
        for each in self.closed():
            if each.state == "rejected":
                yield from (each.text, *each.variants)

    def _close(
        self, candidate: Candidate, state: Literal["accepted", "rejected"], answer: str | None
    ) -> Candidate:
        closed = replace(candidate, state=state, closed_at=time.time(), answer=answer)
        write_candidate(self._closed / f"{candidate.id}.json", closed)
        (self._open / f"{candidate.id}.json").unlink()
        return closed

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Let nobody else pull or decide meanwhile."""
        for directory in (self._open.parent, self._open, self._closed):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(self._open / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)
