"""What the store tells of sessions that this hub does not hold."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, func, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from agentos.errors import ConfigInvalid
from agentos.hub.errors import Refused
from agentos.hub.sessions.costs import costs_of
from agentos.hub.sessions.models import Cost, SessionState, State
from agentos.hub.sessions.progress import Progress, plus, problem_of, title_of, tokens_of
from agentos.sessions.transcripts.driver import drives
from agentos.sessions.transcripts.record import SessionRecord
from agentos.sessions.transcripts.rows import events_of
from agentos.store import Store
from agentos.store.tables import EVENTS, SESSIONS

_EVENT = EVENTS.c
#: Of how many sessions the progress is remembered: it takes reading to find out.
_REMEMBERED = 2000


class StoredSessions:
    """Sessions of the store, and how far each of them came.

    Args:
        store: The hub's.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: OrderedDict[tuple[str, int], Progress] = OrderedDict()

    async def page(
        self, after: str | None, limit: int, without: Iterable[str]
    ) -> tuple[list[SessionState], str | None]:
        """Return sessions, those with the latest events first, and where the next page begins.

        Args:
            after: The `next` of the page before.
            limit: How many.
            without: Those that are not wanted.
        """
        table = SESSIONS.c
        query = select(SESSIONS).where(table.id.not_in(list(without)))
        if after is not None:
            moment, id = _place(after)
            earlier = and_(table.updated == moment, table.id < id)
            query = query.where(or_(table.updated < moment, earlier))
        query = query.order_by(table.updated.desc(), table.id.desc()).limit(limit + 1)
        async with self._store.reading() as connection:
            records = [SessionRecord.of(row) for row in await connection.execute(query)]
        more, records = len(records) > limit, records[:limit]
        last = records[-1] if more else None
        following = None if last is None else f"{last.updated.timestamp()!r}_{last.id}"
        return await self._states(records), following

    async def get(self, id: str) -> SessionState | None:
        """Return how a session is, if there is one of this id."""
        record = await self.record(id)
        return None if record is None else (await self._states([record]))[0]

    async def record(self, id: str) -> SessionRecord | None:
        """Return what is kept of a session, if there is one of this id."""
        async with self._store.reading() as connection:
            row = (await connection.execute(select(SESSIONS).where(SESSIONS.c.id == id))).first()
        return None if row is None else SessionRecord.of(row)

    async def progress(self, record: SessionRecord) -> Progress:
        """Return how far a session came."""
        return (await self._progress([record]))[record.id]

    async def _states(self, records: Sequence[SessionRecord]) -> list[SessionState]:
        known = await self._progress(records)
        costs = await self._costs([record.id for record in records])
        return [_state(one, known[one.id], costs.get(one.id)) for one in records]

    async def _costs(self, ids: Sequence[str]) -> dict[str, Cost]:
        try:
            return await costs_of(self._store, ids)
        except ConfigInvalid:  # of settings that cannot be read usage tells; sessions stay there
            return {}

    async def _progress(self, records: Sequence[SessionRecord]) -> dict[str, Progress]:
        found: dict[str, Progress] = {}
        missing = []
        for record in records:
            if (known := self._known.get((record.id, record.last_seq))) is None:
                missing.append(record)
            else:
                found[record.id] = known
        if missing:
            async with self._store.reading() as connection:
                found |= await _read(connection, missing)
            for record in missing:
                self._known[record.id, record.last_seq] = found[record.id]
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return found


def _state_of(record: SessionRecord, progress: Progress) -> State:
    if record.ended is not None:
        return State.ENDED
    if not drives(record.settings):
        return State.INTERRUPTED
    return State.RUNNING if progress.turns > progress.ended else State.IDLE


def _state(record: SessionRecord, progress: Progress, cost: Cost | None) -> SessionState:
    settings = record.settings
    return SessionState(
        id=record.id,
        agent=record.agent,
        title=progress.title or (record.title or ""),
        state=_state_of(record, progress),
        live=False,
        model=settings.get("model"),
        profile=settings.get("profile"),
        workspace=settings.get("notes", {}).get("workspace"),
        machine=record.machine,
        turns=progress.turns,
        queued=0,
        last_line=progress.last_line,
        usage=progress.usage,
        cost=cost,
        permissions=[],
        created_at=record.created,
        updated_at=record.updated,
        last_seq=record.last_seq,
        error=progress.error,
    )


async def _read(
    connection: AsyncConnection, records: Sequence[SessionRecord]
) -> dict[str, Progress]:
    """Find out how far sessions came, by the few events that tell it."""
    found = {one.id: Progress(last_seq=one.last_seq, updated=one.updated) for one in records}
    ids = list(found)
    last_words: list[tuple[str, int]] = []
    first_prompts: list[tuple[str, int]] = []
    for id, kind, first, last, count in await connection.execute(_reach(ids)):
        if kind == "turn_started":
            found[id].turns = count
            first_prompts.append((id, first))
        else:
            last_words.append((id, last))
    for row in await _rows(connection, first_prompts):
        found[row.session_id].title = title_of(json.loads(row.data)["data"])
    for row in await _rows(connection, last_words):
        for event in events_of(dict(row._mapping)):
            found[row.session_id].hear(event.data)
    ended = (
        select(EVENTS)
        .where(_EVENT.session_id.in_(ids), _EVENT.type == "turn_ended")
        .order_by(_EVENT.session_id, _EVENT.seq)
    )
    for row in await connection.execute(ended):
        data = json.loads(row.data)["data"]
        progress = found[row.session_id]
        progress.usage = plus(progress.usage, tokens_of(data.get("usage")))
        progress.error = problem_of(data.get("error"))
        progress.ended = int(data["turn"])
    return found


def _reach(ids: list[str]) -> Any:
    """Select the first and the last of the events that begin turns, and that say something."""
    return (
        select(
            _EVENT.session_id,
            _EVENT.type,
            func.min(_EVENT.seq),
            func.max(_EVENT.seq),
            func.count(),
        )
        .where(_EVENT.session_id.in_(ids), _EVENT.type.in_(("turn_started", "agent_message_chunk")))
        .group_by(_EVENT.session_id, _EVENT.type)
    )


async def _rows(connection: AsyncConnection, places: list[tuple[str, int]]) -> list[Row[Any]]:
    if not places:
        return []
    query = select(EVENTS).where(tuple_(_EVENT.session_id, _EVENT.seq).in_(places))
    return list(await connection.execute(query))


def _place(after: str) -> tuple[datetime, str]:
    from datetime import UTC

    moment, _, id = after.partition("_")
    try:
        return datetime.fromtimestamp(float(moment), UTC), id
    except (ValueError, OverflowError, OSError) as error:
        raise Refused(
            422, "page_unknown", "`after` is not the `next` of a page", hint="begin without it"
        ) from error
