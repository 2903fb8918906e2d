"""A picture from the store, while no hub runs: what is kept, and nothing to answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

from agentos.cli.top.picture import Budget, Costs, LogLine, Reach, Session
from agentos.cli.top.reading import budget_of, costs_of, line_of
from agentos.errors import AgentOsError
from agentos.hub.lifecycle.running import read_running
from agentos.hub.telemetry import as_json
from agentos.hub.telemetry import log as hub_log
from agentos.sessions.events import SessionEvent
from agentos.sessions.transcripts import SessionRecord, Transcripts
from agentos.store import Store
from agentos.usage import questions
from agentos.usage.reports import plain
from agentos.usage.rows import Row
from agentos.usage.selection import Selection

#: Seconds between two looks at the store, and for a hub.
_POLL = 0.5
_MOST_SESSIONS = 50


class StoreSource:
    """Reads the store.

    Args:
        store: It, open.
        state: The state directory, where a hub would say that it runs.
    """

    reach = Reach.STORE
    place = ""

    def __init__(self, store: Store, state: Path) -> None:
        self._store = store
        self._state = state
        self._transcripts = Transcripts(store)

    async def sessions(self) -> tuple[Session, ...]:
        """List the latest sessions."""
        records = await self._transcripts.sessions(limit=_MOST_SESSIONS)
        chosen = Selection(sessions=tuple(record.id for record in records) or ("",))
        used = await questions.report(
            by=["session"], selection=chosen, store=self._store, read=False
        )
        rows = {row.key[0]: row for row in used.rows}
        return tuple(
            [
                await self._session(record, rows.get(record.id), used.currency.code)
                for record in records
            ]
        )

    async def _session(self, record: SessionRecord, used: Row | None, currency: str) -> Session:
        prompts = await self._transcripts.every(record.id, "turn_started")
        said = await self._transcripts.latest(record.id, "agent_message_chunk")
        return Session(
            id=record.id,
            agent=record.agent,
            title=record.title or (_line(prompts[0].data["prompt"], 0) if prompts else ""),
            state="open" if record.ended is None else "ended",
            model=record.settings.get("model"),
            turns=len(prompts),
            last_line=_line([said.data.get("content", {})], -1) if said else "",
            tokens=None if used is None else used.tokens.total,
            cost=None if used is None or used.cost is None else f"{used.cost:.6f}",
            currency=currency,
            updated_at=record.updated.isoformat(),
        )

    async def costs(self) -> Costs:
        """Tell what was used today; what is new in the clients' records is read first."""
        report = await questions.report("today", by=["hour", "model"], store=self._store)
        said = plain(report)
        now = datetime.now(UTC).astimezone(report.zone)
        return costs_of(said["total"], said["rows"], said["currency"], now)

    async def budgets(self) -> tuple[Budget, ...]:
        """Tell how far the budgets are used up."""
        found = await questions.budgets(store=self._store)
        return tuple(
            budget_of(asdict(one) | {"share": one.share, "share_ahead": one.share_ahead})
            for one in found
        )

    async def log(self, limit: int) -> tuple[LogLine, ...]:
        """Return the end of the log, oldest first."""
        found = await hub_log.page(self._store, limit=limit)
        return tuple(line_of(as_json.plain(record)) for record in reversed(found.records))

    async def news(self, after: int) -> AsyncGenerator[LogLine | Session | None]:
        """Yield what comes into the log, until a hub runs."""
        while not _runs(self._state):
            for record in await hub_log.following(self._store, after):
                after = record.id
                yield line_of(as_json.plain(record))
            await asyncio.sleep(_POLL)

    async def transcript(self, session: str, after: int) -> AsyncGenerator[SessionEvent]:
        """Yield the events of a session, those that were and those that come."""
        while True:
            async for event in self._transcripts.read(session, after):
                after = event.seq
                yield event
            await asyncio.sleep(_POLL)

    async def prompt(self, session: str, text: str) -> None:
        """Refuse: nobody would hear it."""
        _refuse()

    async def cancel(self, session: str) -> None:
        """Refuse: this process does not hold the session."""
        _refuse()

    async def answer(self, session: str, permission: str, choice: str) -> None:
        """Refuse: this process does not hold the session."""
        _refuse()


@asynccontextmanager
async def open_store(state: Path) -> AsyncIterator[StoreSource]:
    """Have the default store open as a source.

    Raises:
        StoreError: It cannot be opened.
    """
    store = await Store.open()
    try:
        yield StoreSource(store, state)
    finally:
        await asyncio.shield(store.close())


def _runs(state: Path) -> bool:
    running = read_running(state)
    return running is not None and running.alive


def _refuse() -> NoReturn:
    raise AgentOsError(
        "no hub runs, and sessions are steered through it",
        code="hub_not_running",
        hint="`agentos up` starts it, and sessions that begin then are in it",
    )


def _line(blocks: Sequence[Mapping[str, Any]], number: int) -> str:
    """Return a line of what was said."""
    text = " ".join(str(block.get("text", "")) for block in blocks).strip()
    return text.splitlines()[number].strip()[:200] if text else ""
