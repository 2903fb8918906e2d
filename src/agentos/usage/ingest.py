"""Bring the ledger up to date: read what is new wherever calls are written down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from agentos.store import Store
from agentos.usage.homes import UsageHome


@dataclass(frozen=True, slots=True)
class Problem:
    """A line that could not be counted, or a file that could not be read.

    Attributes:
        file: The file.
        line: The line in it, from 1; 0 if it is about the whole file.
        kind: Such as `invalid_json`.
        message: What is wrong with it.
    """

    file: str
    line: int
    kind: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


@dataclass(slots=True)
class IngestReport:
    """What an ingest did.

    Attributes:
        files: How many files had something new.
        bytes: How much of them was read.
        calls: Calls that the ledger did not know before.
        problems: What could not be counted, each with its file and line.
        warnings: What the user should know, such as transcripts that will soon be deleted.
    """

    files: int = 0
    bytes: int = 0
    calls: int = 0
    problems: list[Problem] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


async def ingest(store: Store, homes: Sequence[UsageHome] | None) -> IngestReport:
    """Read what is new."""
    return IngestReport()
