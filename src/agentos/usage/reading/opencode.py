"""OpenCode's messages: rows of its database, or, before 1.2, a JSON file each.

OpenCode counts input without what the cache held, and reasoning beside the answer.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from agentos.usage.reading.entry import (
    LONGEST_PATH,
    BadLine,
    Caller,
    Entry,
    count,
    part,
    unknown_type,
    word,
)
from agentos.usage.reading.lines import LONGEST_LINE

#: Whether the messages are a table, and of columns that are stored.
_KIND = """
    select type, (select max(hidden) from pragma_table_xinfo('message'))
    from sqlite_master where name = 'message'
"""
_MILLISECONDS = (1_420_070_400_000, 7_258_118_400_000)  # 2015 to 2200


def database_rows(path: Path, since: int, after: int) -> Iterator[tuple[int, Any, Any, Any, Any]]:
    """Yield the messages that changed since a time, in that order, and those that are new.

    Args:
        path: The database.
        since: The time, in milliseconds since 1970.
        after: The highest row number that is known: clocks may run backwards.

    Returns:
        Of each its row number, id, session, time of change, and JSON, if they are what they
        should be.

    Raises:
        sqlite3.Error: It cannot be read, or is none of OpenCode's.
    """
    with _opened(path) as connection:
        yield from connection.execute(
            "select rowid, id, session_id, time_updated, data from message"
            " where time_updated >= ? or rowid > ? order by time_updated",
            (since, after),
        )


def message_text(path: Path, number: int) -> bytes | None:
    """Return the JSON of the message in a row; None if it is not there."""
    try:
        with _opened(path) as connection:
            query = "select data from message where rowid = ?"
            row = connection.execute(query, (number,)).fetchone()
    except sqlite3.Error:
        return None
    return row[0].encode() if row and isinstance(row[0], str) else None


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a database for reading only: OpenCode never waits for it.

    It may be of a machine, and so anything: no view or computed column of it is asked.
    """
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5)
    try:
        connection.text_factory = partial(str, encoding="utf-8", errors="replace")
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST_LINE)
        if connection.execute(_KIND).fetchone() != ("table", 0):
            raise sqlite3.DatabaseError("it has no table of messages")
        yield connection
    finally:
        connection.close()


def message_entry(text: str, own: str, session: str, line: int) -> Entry | None:
    """Return the call that a message tells of, if it does.

    Args:
        text: The message, JSON.
        own: Its id, if that is not in it.
        session: Its session, likewise.
        line: Where it is.

    Raises:
        BadLine: It cannot be counted.
    """
    data = part(json.loads(text))
    tokens = data.get("tokens")
    if not isinstance(tokens, dict):
        return None
    if data.get("role") != "assistant":
        raise unknown_type("message with tokens", data.get("role"))
    cache = part(tokens.get("cache"))
    plain, answer = count(tokens.get("input")), count(tokens.get("output"))
    read, written = count(cache.get("read")), count(cache.get("write"))
    reasoning = count(tokens.get("reasoning"))
    if not (plain or answer or read or written or reasoning):
        return None  # not there yet, or it failed
    inside = tokens.get("total") == plain + read + written + answer and reasoning <= answer
    own = word(data.get("id")) or own
    if not own:
        raise BadLine("no_id", "nothing tells this message from others")
    place = part(data.get("path"))
    session = word(data.get("sessionID")) or session
    return Entry(
        identity=f"opencode:{own}",
        caller=Caller(
            source="opencode",
            client="opencode",
            session=session,
            thread=session,
            provider=word(data.get("providerID")),
            model=word(data.get("modelID")),
            project=word(place.get("cwd") or place.get("root"), LONGEST_PATH),
            kind="compaction" if data.get("summary") is True else "turn",
        ),
        at=_begun(data),
        line=line,
        offset=0,
        turn=word(data.get("parentID")),
        input=plain + read + written,
        cached_input=read,
        cache_write=written,
        output=answer if inside else answer + reasoning,
        reasoning=reasoning,
        price=_cost(data.get("cost")),
    )


def _begun(data: Mapping[str, Any]) -> int:
    begun = part(data.get("time")).get("created")
    if not isinstance(begun, int | float) or not _MILLISECONDS[0] <= begun < _MILLISECONDS[1]:
        raise BadLine("bad_time", f"no time that can be: {str(begun)[:60]!r}")
    return int(begun)


def _cost(value: Any) -> float | None:
    """Return what OpenCode thinks it cost; its 0 also means that it does not know."""
    if not isinstance(value, int | float) or not 0 < value < 1e6:
        return None
    return float(value)
