"""Transcripts in SQLite and in PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest
from tests.store.conftest import postgres, url

from agentos.sessions.events import SessionEvent
from agentos.sessions.transcripts import SessionRecord, Transcripts
from agentos.store import Store

__all__ = ["postgres", "url"]

Say = Callable[..., SessionEvent]


@pytest.fixture
async def transcripts(url: str) -> AsyncIterator[Transcripts]:
    store = await Store.open(url)
    yield Transcripts(store)
    await store.close()


@pytest.fixture
async def epoch(transcripts: Transcripts) -> int:
    """Begin the session "s" and own it."""
    return await transcripts.create(SessionRecord("s", "codex", "box"))


def event(seq: int, type: str = "note", **data: object) -> SessionEvent:
    return SessionEvent(seq, "s", 1000.0 + seq, type, data)


def chunk(seq: int, text: str, message: str = "m1") -> SessionEvent:
    content = {"type": "text", "text": text}
    return event(seq, "agent_message_chunk", messageId=message, content=content)


async def all_of(transcripts: Transcripts, after: int = 0) -> list[SessionEvent]:
    return [event async for event in transcripts.read("s", after)]
