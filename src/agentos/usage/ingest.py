"""Bring the ledger up to date: read what is new wherever calls are written down."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from agentos.store import Store
from agentos.usage.booking import book, lock
from agentos.usage.claude_cleanup import deletion_warnings
from agentos.usage.discovery import Found, find
from agentos.usage.gateway_records import gateway_entries, gateway_sessions
from agentos.usage.homes import UsageHome, user_homes
from agentos.usage.known_sources import GATEWAY, KnownSource
from agentos.usage.reading.calls import Calls
from agentos.usage.reading.entry import Entry, Problem
from agentos.usage.reading.job import Job, Piece
from agentos.usage.reading.readers import read_all
from agentos.usage.session_homes import session_homes
from agentos.usage.sources import Sources

__all__ = ["IngestReport", "Problem", "ingest"]


@dataclass(slots=True)
class IngestReport:
    """What an ingest did.

    Attributes:
        files: How many files had something new.
        bytes: How much of them was read, unpacked.
        calls: Calls that the ledger did not know before.
        problems: What could not be counted, each with its file and line.
        warnings: What the user should know, such as transcripts that will soon be deleted.
    """

    files: int = 0
    bytes: int = 0
    calls: int = 0
    problems: list[Problem] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


async def ingest(store: Store, homes: Sequence[UsageHome] | None = None) -> IngestReport:
    """Read what is new; see `Ledger.ingest`."""
    chosen = list(homes) if homes is not None else user_homes() + await session_homes(store)
    found, problems = await asyncio.to_thread(find, chosen)
    report = IngestReport(problems=problems)
    report.warnings += await asyncio.to_thread(deletion_warnings, found)
    async with store.reading() as connection:
        sources = await connection.run_sync(Sources.load)
        told = await gateway_entries(connection, sources.gateway_offset)
        by_gateway = await gateway_sessions(connection)
    changed = sources.changed(found)
    lost = await asyncio.to_thread(sources.lost, found)
    if told or changed or lost:
        sources = await store.write(lambda connection: _begin(connection, found, told, report))
        changed = sources.changed(found)
    work = _Work(store, sources, report)
    jobs = [(_job(each, sources, by_gateway), _left(each, sources)) for each in changed]
    await read_all(jobs, work.deliver)
    return report


def _begin(
    connection: Connection, found: list[Found], told: list[Entry], report: IngestReport
) -> Sources:
    """Book what the gateway tells, and give files their numbers."""
    lock(connection)
    sources = Sources.load(connection)  # another may have read meanwhile
    sources.register(connection, found)
    latest = max((entry.line for entry in told), default=0)
    if latest > sources.gateway_offset:
        gateway = sources.by_path[GATEWAY].id
        report.calls += book(connection, [(gateway, Calls.of(told))], sources.gone)
        sources.note_gateway(connection, latest)
    return sources


@dataclass(slots=True)
class _Work:
    """What readers deliver, written down."""

    store: Store
    sources: Sources
    report: IngestReport
    seen: set[str] = field(default_factory=set)

    async def deliver(self, pieces: list[Piece]) -> None:
        """Write down some pieces, in one transaction with how far their files are read."""
        self.report.calls += await self.store.write(
            lambda connection: self._book(connection, pieces)
        )
        for piece in pieces:
            self.report.bytes += piece.read
            self.report.problems += piece.problems
            self.seen.add(piece.path)
        self.report.files = len(self.seen)

    def _book(self, connection: Connection, pieces: list[Piece]) -> int:
        lock(connection)
        found = [
            (self.sources.by_path[piece.path].id, calls) for piece in pieces for calls in piece.told
        ]
        calls = book(connection, found, self.sources.gone)
        self.sources.note(connection, pieces)
        return calls


def _job(found: Found, sources: Sources, by_gateway: set[str]) -> Job:
    home = found.home
    place = sources.by_path[found.path].place
    metered = home.session in by_gateway
    return Job(found.path, found.format, place, home.session, home.profile, home.agent, metered)


def _left(found: Found, sources: Sources) -> int:
    known: KnownSource = sources.by_path[found.path]
    size = found.seen[2]
    return size - known.place.offset if known.place.offset <= size else size
