"""What the routes of memories tell, and what they take."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from agentos.memories.candidate import Candidate, Changes
from agentos.memories.clients.entry import Kind
from agentos.memories.memory import MemoryType
from agentos.memories.side_by_side import Copy

#: Of a text, so many characters are shown in a list.
_EXCERPT = 240


class MemoryInfo(BaseModel):
    """A memory as one client has it: `agentos` for the home's, or what the client wrote.

    `same` are the keys of its copies elsewhere; `found` is the passage that was searched for.
    """

    key: str
    version: str
    client: str
    author: str | None
    kind: Kind
    name: str | None
    title: str
    type: MemoryType | None
    project: str | None
    about: str | None
    path: str
    line: int
    written: datetime | None
    size: int
    excerpt: str
    same: list[str]
    found: str | None

    @classmethod
    def of(cls, copy: Copy, same: tuple[str, ...] = (), found: str | None = None) -> MemoryInfo:
        return cls(
            key=copy.key,
            version=copy.version,
            client=copy.client,
            author=copy.author,
            kind=copy.kind,
            name=copy.name,
            title=copy.title,
            type=copy.type,
            project=copy.project,
            about=copy.about,
            path=str(copy.path),
            line=copy.line,
            written=copy.written,
            size=len(copy.text),
            excerpt=" ".join(copy.text[:_EXCERPT].split()),
            same=list(same),
            found=found,
        )


class MemoryList(BaseModel):
    """Memories of every client, the home's first; those that were searched for, the best first."""

    memories: list[MemoryInfo]
    next: str | None
    clients: dict[str, int]
    projects: list[str]
    active_project: str | None
    unreadable: list[str]


class MemoryText(BaseModel):
    """A memory, and its copies elsewhere."""

    memory: MemoryInfo
    text: str
    copies: list[MemoryInfo]


class MemoryDifference(BaseModel):
    """A unified diff from one copy to another; empty if they say the same."""

    diff: str


class MemoryChange(BaseModel):
    """What is to be otherwise in the memory that it becomes; null leaves it.

    A project of the empty text is everywhere.
    """

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    type: MemoryType | None = None
    description: Annotated[str, Field(min_length=1, max_length=300)] | None = None
    project: Annotated[str, Field(max_length=100)] | None = None
    despite_findings: bool = False

    def changes(self) -> Changes:
        return Changes(self.name, self.type, self.description, self.project)


class MemoryMade(BaseModel):
    """The memory that it became: its file in the home, which is yours to commit."""

    name: str
    path: str


class OriginInfo(BaseModel):
    """Where a candidate was written."""

    client: str
    path: str
    line: int
    written: datetime | None


class CandidateInfo(BaseModel):
    """What waits for review: by whom it was written, and what to be careful of."""

    id: str
    version: str
    name: str
    description: str
    text: str
    type: MemoryType
    project: str | None
    about: str | None
    clients: list[str]
    origins: list[OriginInfo]
    variants: list[str]
    like: str | None
    like_diff: str | None
    findings: list[str]
    at: datetime

    @classmethod
    def of(cls, candidate: Candidate, like_diff: str | None = None) -> CandidateInfo:
        memory = candidate.memory()
        return cls(
            id=candidate.id,
            version=version_of(candidate),
            name=memory.name,
            description=memory.description,
            text=candidate.text,
            type=candidate.type,
            project=candidate.project,
            about=candidate.about,
            clients=list(candidate.clients),
            origins=[
                OriginInfo.model_validate(each, from_attributes=True) for each in candidate.origins
            ],
            variants=list(candidate.variants),
            like=candidate.like,
            like_diff=like_diff,
            findings=list(candidate.findings),
            at=datetime.fromtimestamp(candidate.at, UTC),
        )


class CandidateList(BaseModel):
    """What waits for review, the oldest first."""

    candidates: list[CandidateInfo]
    next: str | None


class PullInfo(BaseModel):
    """What was found in the clients' files."""

    new: int
    merged: int
    known: int
    left_out: int
    unreadable: list[str]


class MemoryRejection(BaseModel):
    """Why it is left out."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, Field(max_length=2000)] | None = None


def version_of(candidate: Candidate) -> str:
    """Return what changes when a candidate says anything else."""
    return hashlib.sha256(json.dumps(asdict(candidate)).encode()).hexdigest()[:32]
