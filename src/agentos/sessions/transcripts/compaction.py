"""Putting a session's texts together once their turn has ended."""

from __future__ import annotations

from sqlalchemy import Connection, delete, insert, select, update

from agentos.sessions.transcripts.rows import compacted, events_of
from agentos.sessions.transcripts.search import index
from agentos.store.tables import EVENTS, SESSIONS


def compact(store: Connection, session_id: str, epoch: int) -> None:
    """Put together what came since the last time, and make it searchable.

    Nothing happens if somebody else owns the session now.
    """
    mine = (SESSIONS.c.id == session_id, SESSIONS.c.epoch == epoch)
    state = select(SESSIONS.c.compacted_seq, SESSIONS.c.last_seq).where(*mine)
    found = store.execute(state).one_or_none()
    if found is None or found.compacted_seq == found.last_seq:
        return
    fresh = (EVENTS.c.session_id == session_id, EVENTS.c.seq > found.compacted_seq)
    rows = store.execute(select(EVENTS).where(*fresh).order_by(EVENTS.c.seq)).mappings()
    events = [event for row in rows for event in events_of(dict(row))]
    joined = list(compacted(events))
    if len(joined) < len(events):
        store.execute(delete(EVENTS).where(*fresh))
        store.execute(insert(EVENTS), joined)
    index(store, session_id, joined)
    store.execute(update(SESSIONS).where(*mine).values(compacted_seq=found.last_seq))
