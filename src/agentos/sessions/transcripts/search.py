"""Full-text search over what was said: FTS5 in SQLite, tsvector in PostgreSQL."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection

from agentos.sessions.transcripts.rows import events_of

#: Characters of one event that are searchable.
_LONGEST = 100_000

_FIND = {
    "sqlite": text(
        "select session_id, seq, snippet(session_text, 0, '[', ']', '…', 16) as snippet "
        "from session_text where session_text match :query order by rank limit :limit"
    ),
    "postgresql": text(
        "select session_id, seq, ts_headline('simple', words, query, "
        "'StartSel=[, StopSel=], MaxFragments=1, MaxWords=16, MinWords=4') as snippet "
        "from session_text, websearch_to_tsquery('simple', :query) query "
        "where found @@ query order by ts_rank(found, query) desc, seq limit :limit"
    ),
}


@dataclass(frozen=True, slots=True)
class Found:
    """Where words were found: a session, an event, and some text around, the words in brackets."""

    session_id: str
    seq: int
    snippet: str


def index(store: Connection, session_id: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Make what rows say searchable."""
    said = [
        {"words": stored_text(words[:_LONGEST]), "session_id": session_id, "seq": row["seq"]}
        for row in rows
        if (words := _words(row))
    ]
    if said:
        statement = "insert into session_text (words, session_id, seq) values "
        store.execute(text(f"{statement} (:words, :session_id, :seq)"), said)


def stored_text(words: str) -> str:
    """Put a space for each NUL: PostgreSQL takes none, and SQLite's index ends there."""
    return words.replace("\0", " ")


def forget(store: Connection, session_id: str) -> None:
    """Make a session unsearchable."""
    statement = text("delete from session_text where session_id = :session_id")
    store.execute(statement, {"session_id": session_id})


async def find(connection: AsyncConnection, words: str, limit: int) -> list[Found]:
    """Find rows in which all words are."""
    sqlite = connection.dialect.name == "sqlite"
    words = stored_text(words)
    query = _quoted(words) if sqlite else words
    if not query.strip():
        return []
    found = await connection.execute(
        _FIND[connection.dialect.name], {"query": query, "limit": limit}
    )
    return [Found(row.session_id, row.seq, row.snippet) for row in found]


def _quoted(words: str) -> str:
    """Quote each word or phrase, so that none is an operator of FTS5."""
    try:
        phrases = shlex.split(words)
    except ValueError:
        phrases = words.split()
    return " ".join('"' + phrase.replace('"', '""') + '"' for phrase in phrases)


def _words(row: Mapping[str, Any]) -> str:
    events = list(events_of(row))
    data = events[0].data
    if row["type"].endswith("_chunk"):
        texts = [event.data.get("content", {}).get("text") for event in events]
        return "".join(text for text in texts if isinstance(text, str))
    if row["type"] == "turn_started":
        return "\n".join(str(block.get("text", "")) for block in data.get("prompt", []))
    if row["type"] in ("tool_call", "tool_call_update"):
        parts = (data.get(name) for name in ("command", "full_output", "path", "new_text"))
        return "\n".join(part for part in parts if isinstance(part, str))
    return str(data.get("message", ""))
