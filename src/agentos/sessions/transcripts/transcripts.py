"""The transcripts in the store: append, read, own, list."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from agentos.errors import SessionNotFound, SessionTaken
from agentos.sessions.events import SessionEvent
from agentos.sessions.transcripts.compaction import compact
from agentos.sessions.transcripts.record import SessionRecord
from agentos.sessions.transcripts.rows import as_row, events_of
from agentos.sessions.transcripts.search import Found, find, forget
from agentos.store import Store
from agentos.store.tables import EVENTS, SESSIONS

#: Rows that are read at once.
_PAGE = 500
#: What every append does, made once: to make the statement anew is a third of its time.
_ADVANCE = (
    update(SESSIONS)
    .where(
        SESSIONS.c.id == bindparam("session"),
        SESSIONS.c.epoch == bindparam("mine"),
        SESSIONS.c.last_seq == bindparam("before"),
    )
    .values(last_seq=bindparam("last"), updated=bindparam("at"))
)
_INSERT = insert(EVENTS)


class Transcripts:
    """The sessions of a store, each written by one owner at a time.

    Whoever takes a session with `create` or `claim` gets an epoch; what a former owner appends is
    refused, so that two hosts never write one session.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def create(self, record: SessionRecord) -> int:
        """Begin a session.

        Returns:
            The owner's epoch.
        """
        await self._store.write(lambda store: store.execute(insert(SESSIONS), record.as_row()))
        return 1

    async def claim(self, session_id: str) -> int:
        """Take a session over; its former owner can append no more.

        Returns:
            The new owner's epoch.

        Raises:
            SessionNotFound: There is no such session.
        """
        this = SESSIONS.c.id == session_id

        def claim(store: Connection) -> int:
            store.execute(update(SESSIONS).where(this).values(epoch=SESSIONS.c.epoch + 1))
            epoch: int | None = store.scalar(select(SESSIONS.c.epoch).where(this))
            if epoch is None:
                raise _unknown(session_id)
            return epoch

        return await self._store.write(claim)

    async def append(self, session_id: str, epoch: int, events: Sequence[SessionEvent]) -> None:
        """Store events, all or none; they follow the last one without a hole.

        Raises:
            SessionTaken: Somebody else owns the session now; nothing was stored.
            StoreError: The store failed; nothing was stored.
        """
        step = {
            "session": session_id,
            "mine": epoch,
            "before": events[0].seq - 1,
            "last": events[-1].seq,
            "at": _moment(events[-1].at),
        }

        def append(store: Connection) -> None:
            if store.execute(_ADVANCE, step).rowcount != 1:
                raise SessionTaken(
                    f"session {session_id} is written by another owner now",
                    hint="only one process drives a session: resume it here, or close it there",
                )
            store.execute(_INSERT, [as_row(event) for event in events])

        await self._store.write(append)

    async def change(self, session_id: str, epoch: int, **values: Any) -> None:
        """Set fields of a session's record.

        Raises:
            SessionTaken: Somebody else owns it now.
        """
        if "settings" in values:
            values["settings"] = json.dumps(values["settings"])
        mine = (SESSIONS.c.id == session_id, SESSIONS.c.epoch == epoch)
        changes = update(SESSIONS).where(*mine).values(**values)

        def change(store: Connection) -> None:
            if store.execute(changes).rowcount != 1:
                raise SessionTaken(f"session {session_id} is written by another owner now")

        await self._store.write(change)

    async def compact(self, session_id: str, epoch: int) -> None:
        """Put the pieces of texts together and make what was said searchable.

        Readers see the same events as before.
        """
        await self._store.write(lambda store: compact(store, session_id, epoch))

    async def read(
        self, session_id: str, after: int = 0, limit: int | None = None
    ) -> AsyncIterator[SessionEvent]:
        """Yield the stored events of a session after a number, in order.

        Args:
            session_id: The session.
            after: The `seq` of the last event that is already known.
            limit: How many at most.
        """
        left = float("inf") if limit is None else limit
        while left > 0:
            page = await self._page(session_id, after)
            for event in page:
                if left <= 0:
                    return
                left -= 1
                after = event.seq
                yield event
            if not page:
                return

    async def _page(self, session_id: str, after: int) -> list[SessionEvent]:
        query = (
            select(EVENTS)
            .where(EVENTS.c.session_id == session_id, EVENTS.c.seq >= _first(session_id, after))
            .order_by(EVENTS.c.seq)
            .limit(_PAGE)
        )
        async with self._store.reading() as connection:
            rows = (await connection.execute(query)).mappings().all()
        return [event for row in rows for event in events_of(dict(row), after)]

    async def latest(self, session_id: str, type: str) -> SessionEvent | None:
        """Return the last event of a type, if there is one."""
        found = await self._events_of_one(session_id, type, EVENTS.c.seq.desc())
        return found[-1] if found else None

    async def first(self, session_id: str, type: str) -> SessionEvent | None:
        """Return the first event of a type, if there is one."""
        found = await self._events_of_one(session_id, type, EVENTS.c.seq)
        return found[0] if found else None

    async def _events_of_one(self, session_id: str, type: str, order: Any) -> list[SessionEvent]:
        """Return the events of the first row of a type in an order."""
        query = (
            select(EVENTS)
            .where(EVENTS.c.session_id == session_id, EVENTS.c.type == type)
            .order_by(order)
            .limit(1)
        )
        async with self._store.reading() as connection:
            row = (await connection.execute(query)).mappings().one_or_none()
        return [] if row is None else list(events_of(dict(row)))

    async def every(self, session_id: str, type: str) -> list[SessionEvent]:
        """Return all events of a type, in order; it is none that comes in pieces."""
        query = (
            select(EVENTS)
            .where(EVENTS.c.session_id == session_id, EVENTS.c.type == type)
            .order_by(EVENTS.c.seq)
        )
        async with self._store.reading() as connection:
            rows = (await connection.execute(query)).mappings().all()
        return [event for row in rows for event in events_of(dict(row))]

    async def get(self, session_id: str) -> SessionRecord:
        """Return what is kept of a session.

        Raises:
            SessionNotFound: There is no such session.
        """
        query = select(SESSIONS).where(SESSIONS.c.id == session_id)
        async with self._store.reading() as connection:
            row = (await connection.execute(query)).one_or_none()
        if row is None:
            raise _unknown(session_id)
        return SessionRecord.of(row)

    async def named(self, beginning: str) -> SessionRecord:
        """Return what is kept of the one session whose id begins so.

        Raises:
            SessionNotFound: There is none, or there are several.
        """
        query = select(SESSIONS).where(SESSIONS.c.id.startswith(beginning, autoescape=True))
        async with self._store.reading() as connection:
            rows = (await connection.execute(query.limit(2))).all()
        if not rows or not beginning:
            raise _unknown(beginning)
        if len(rows) > 1:
            raise SessionNotFound(
                f"several sessions begin with {beginning!r}", hint="write more of the id"
            )
        return SessionRecord.of(rows[0])

    async def sessions(
        self, *, machine: str | None = None, limit: int = 100
    ) -> list[SessionRecord]:
        """List sessions, those with the latest events first."""
        query = select(SESSIONS).order_by(SESSIONS.c.updated.desc()).limit(limit)
        if machine is not None:
            query = query.where(SESSIONS.c.machine == machine)
        async with self._store.reading() as connection:
            return [SessionRecord.of(row) for row in await connection.execute(query)]

    async def search(self, words: str, limit: int = 20) -> list[Found]:
        """Find what was said in any session; the best come first.

        Args:
            words: All of them must be in the text; `"a phrase"` stands for itself.
            limit: How many at most.
        """
        async with self._store.reading() as connection:
            return await find(connection, words, limit)

    async def remove(self, session_id: str) -> None:
        """Forget a session with all its events.

        Raises:
            SessionNotFound: There is no such session.
        """

        def remove(store: Connection) -> None:
            forget(store, session_id)
            store.execute(delete(EVENTS).where(EVENTS.c.session_id == session_id))
            if store.execute(delete(SESSIONS).where(SESSIONS.c.id == session_id)).rowcount != 1:
                raise _unknown(session_id)

        await self._store.write(remove)


def _first(session_id: str, after: int) -> Any:
    """Select where the row begins that holds the event after a number."""
    return (
        select(func.coalesce(func.max(EVENTS.c.seq), 0))
        .where(EVENTS.c.session_id == session_id, EVENTS.c.seq <= after + 1)
        .scalar_subquery()
    )


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)


def _unknown(session_id: str) -> SessionNotFound:
    return SessionNotFound(
        f"there is no session {session_id!r}", hint="`agentos sessions list` names those there are"
    )
