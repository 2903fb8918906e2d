"""Events as rows, pieces of one text put together.

A row of several events has the first one's data in `data`, and in `more` of each further one what
differs: when it was, and its text.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from agentos.sessions.events import SessionEvent

_CHUNKS = {"agent_message_chunk", "agent_thought_chunk", "user_message_chunk"}
#: Characters of text that one row holds at most.
_LONGEST = 256 * 1024


def as_row(event: SessionEvent) -> dict[str, Any]:
    """Return the row of one event."""
    return _row([event])


def compacted(events: Iterable[SessionEvent]) -> Iterator[dict[str, Any]]:
    """Return rows of events in which the pieces of one text share a row."""
    run: list[SessionEvent] = []
    size = 0
    for event in events:
        text = _text(event)
        fits = run and text is not None and _same(run[-1], event) and size + len(text) <= _LONGEST
        if run and not fits:
            yield _row(run)
            run, size = [], 0
        run.append(event)
        size += len(text or "")
    if run:
        yield _row(run)


def events_of(row: Mapping[str, Any], after: int = 0) -> Iterator[SessionEvent]:
    """Return the events of a row, those after a number."""
    stored = json.loads(row["data"])
    data, more = stored["data"], stored.get("more", [])
    first = SessionEvent(row["seq"], row["session_id"], row["at"], row["type"], data)
    if first.seq > after:
        yield first
    for number, (at, text) in enumerate(more, first.seq + 1):
        if number > after:
            content = {**data["content"], "text": text}
            yield SessionEvent(
                number, first.session_id, at, first.type, data | {"content": content}
            )


def _row(run: Sequence[SessionEvent]) -> dict[str, Any]:
    first = run[0]
    stored: dict[str, Any] = {"data": first.data}
    if len(run) > 1:
        stored["more"] = [(event.at, _text(event)) for event in run[1:]]
    return {
        "session_id": first.session_id,
        "seq": first.seq,
        "last_seq": run[-1].seq,
        "at": first.at,
        "type": first.type,
        "data": json.dumps(stored, separators=(",", ":"), ensure_ascii=False),
    }


def _same(one: SessionEvent, other: SessionEvent) -> bool:
    """Tell whether two pieces belong to one text and differ in nothing else."""
    return one.type == other.type and _frame(one.data) == _frame(other.data)


def _frame(data: Mapping[str, Any]) -> dict[str, Any]:
    return {**data, "content": {**data["content"], "text": ""}}


def _text(event: SessionEvent) -> str | None:
    """Return the text of a piece; None of any other event."""
    content = event.data.get("content") if event.type in _CHUNKS else None
    text = content.get("text") if isinstance(content, Mapping) else None
    return text if isinstance(text, str) else None
