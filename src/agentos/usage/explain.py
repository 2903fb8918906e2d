"""Explain a number: which files and lines it comes from, and what there was not counted."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from agentos.store.tables import USAGE_CALLS, USAGE_PROBLEMS, USAGE_SOURCES
from agentos.usage.call import Provenance
from agentos.usage.conditions import ALL_CALLS, selected
from agentos.usage.known_sources import GATEWAY
from agentos.usage.prices import Tokens
from agentos.usage.reading.entry import Problem
from agentos.usage.reading.opencode import message_text
from agentos.usage.reading.work import zstd
from agentos.usage.selection import Selection, tokens_of

_LONGEST = 1 << 20


@dataclass(frozen=True, slots=True)
class FileShare:
    """What one file contributes to a number.

    Attributes:
        file: The file; `gateway` for the gateway's own records.
        gone: It is no more there: the ledger alone remembers what it said.
        calls: How many calls count as it tells them.
        derived: Those of them that are a difference of two totals.
        first_line: The line of the first of them.
        last_line: The line of the last.
        tokens: What they used.
    """

    file: str
    gone: bool
    calls: int
    derived: int
    first_line: int
    last_line: int
    tokens: Tokens


@dataclass(frozen=True, slots=True)
class Explanation:
    """Where a number comes from. The tokens of `files` add up to it.

    Attributes:
        files: What each file contributes.
        problems: Lines of these files that were not counted, and files that cannot be read.
    """

    files: list[FileShare]
    problems: list[Problem]

    @property
    def tokens(self) -> Tokens:
        """The sum of all files."""
        parts = [share.tokens for share in self.files]
        names = ("input", "cached_input", "cache_write", "output", "reasoning", "cache_write_hour")
        return Tokens(**{name: sum(getattr(part, name) for part in parts) for name in names})


async def explain(connection: AsyncConnection, selection: Selection) -> Explanation:
    """Explain the sum of some calls; see `Ledger.explain`."""
    call, source = USAGE_CALLS.c, USAGE_SOURCES.c
    sums = [func.sum(call[name]).label(name) for name in Tokens.__slots__]
    query = (
        select(
            *(source.path, source.gone, func.count().label("calls")),
            func.count().filter(call.confidence == "derived").label("derived"),
            *(func.min(call.line).label("first"), func.max(call.line).label("last"), *sums),
        )
        .select_from(ALL_CALLS.join(USAGE_SOURCES, source.id == call.source_id))
        .where(selected(selection, ALL_CALLS))
        .group_by(source.id, source.path, source.gone)
        .order_by(source.path)
    )
    files = [
        FileShare(
            file=row.path,
            gone=bool(row.gone),
            calls=row.calls,
            derived=row.derived,
            first_line=row.first,
            last_line=row.last,
            tokens=tokens_of(row),
        )
        for row in await connection.execute(query)
    ]
    return Explanation(files, await _problems(connection, selection))


async def _problems(connection: AsyncConnection, selection: Selection) -> list[Problem]:
    chosen = selected(selection, ALL_CALLS)
    told = select(USAGE_CALLS.c.source_id).select_from(ALL_CALLS).where(chosen)
    problem, source = USAGE_PROBLEMS.c, USAGE_SOURCES.c
    query = (
        select(source.path, problem.line, problem.kind, problem.message)
        .join(USAGE_SOURCES, source.id == problem.source_id)
        # A file of which nothing could be counted may belong to any number.
        .where(source.id.in_(told) | source.id.not_in(select(USAGE_CALLS.c.source_id)))
        .order_by(source.path, problem.line)
    )
    return [Problem(*row) for row in await connection.execute(query)]


def line_at(provenance: Provenance) -> bytes | None:
    """Return the line that a call was read from, its first megabyte; None if it is not there.

    Of a database it is the row.
    """
    if provenance.file == GATEWAY:
        return None
    if provenance.file.endswith(".db"):
        return message_text(Path(provenance.file), provenance.line)
    try:
        with _plain(provenance.file) as file:
            file.seek(provenance.offset)
            return file.readline(_LONGEST).rstrip(b"\n") or None
    except (OSError, EOFError, zstd.ZstdError):
        return None


@contextmanager
def _plain(path: str) -> Iterator[BinaryIO]:
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(handle, "rb") as file:
        if not path.endswith(".zst"):
            yield file
            return
        with zstd.ZstdFile(file) as plain:
            yield plain  # type: ignore[misc]
