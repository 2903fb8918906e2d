"""The event log over a real store: slow readers, and owners that come and go."""

from __future__ import annotations

import gc
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

import psycopg
import pytest
from tests.sessions.transcripts.conftest import all_of

from agentos.errors import SessionTaken, StoreError
from agentos.sessions import event_log
from agentos.sessions.event_log import AT_HAND, EventLog
from agentos.sessions.events import SessionEvent
from agentos.sessions.transcripts import Transcripts
from agentos.sessions.transcripts.keeper import StoredSession

BATCH = 500
EVENTS = 8 * AT_HAND


async def test_a_reader_that_stops_costs_no_memory_and_misses_nothing(
    transcripts: Transcripts, epoch: int, url: str
) -> None:
    log = EventLog("s", StoredSession("s", epoch, url))
    slow = log.follow()
    log.append("note", {"n": 1})
    seen = [(await anext(slow)).seq]
    for n in range(2, EVENTS, BATCH):
        for m in range(n, n + BATCH):
            log.append("note", {"n": m})
        await log.between(log.last_seq, log.last_seq)
        # What is at hand, and no more than as much in the hands of the reader.
        assert _alive() <= 2 * AT_HAND + 2 * BATCH
    log.close()
    async for event in slow:
        seen.append(event.seq)
        assert event.data == {"n": event.seq}
        if event.seq % BATCH == 0:
            assert _alive() <= 2 * AT_HAND + 2 * BATCH
    assert seen == list(range(1, log.last_seq + 1))
    assert log.last_seq > 3 * AT_HAND
    await log.finish()


def _alive() -> int:
    return sum(type(thing) is SessionEvent for thing in gc.get_objects())


async def test_readers_at_different_places_see_the_same(
    transcripts: Transcripts, epoch: int, url: str
) -> None:
    log = EventLog("s", StoredSession("s", epoch, url))
    early = log.follow()
    for n in range(1, AT_HAND + 300):
        log.append("note", {"n": n})
        if n == 1:
            assert (await anext(early)).seq == 1
    await log.between(log.last_seq, log.last_seq)
    log.compact()
    log.close()
    await log.finish()
    first = [event async for event in early]
    assert [event.seq for event in first] == list(range(2, log.last_seq + 1))
    assert [event async for event in log.follow(1)] == first
    assert [event async for event in log.follow(AT_HAND)] == first[AT_HAND - 1 :]
    assert await all_of(transcripts, after=1) == first


async def test_a_former_owners_log_fails_and_delivers_nothing_more(
    transcripts: Transcripts, epoch: int, url: str
) -> None:
    former = EventLog("s", StoredSession("s", epoch, url))
    former.append("note", {"by": "former"})
    reader = former.follow()
    assert (await anext(reader)).data == {"by": "former"}
    new = EventLog("s", StoredSession("s", await transcripts.claim("s"), url), 1)
    former.append("note", {"by": "former, too late"})
    new.append("note", {"by": "new"})
    with pytest.raises(SessionTaken, match="written by another owner"):
        await anext(reader)
    assert isinstance(former.failed.result(), SessionTaken)
    await new.between(2, 2)
    new.close()
    for log in (former, new):
        await log.finish()
    assert [event.data["by"] for event in await all_of(transcripts)] == ["former", "new"]


async def test_an_event_that_no_store_can_take_fails_the_session(
    transcripts: Transcripts, epoch: int, url: str
) -> None:
    log = EventLog("s", StoredSession("s", epoch, url))
    log.append("note", {"text": "kept"})
    await log.between(1, 1)
    log.append("note", {"what": object()})
    with pytest.raises(StoreError, match="object is not") as caught:
        await anext(log.follow(1))
    assert caught.value.code == "store_failed"
    assert log.failed.result() is caught.value
    await log.finish()
    assert [event.data for event in await all_of(transcripts)] == [{"text": "kept"}]


@contextmanager
def another_writer(url: str) -> Iterator[None]:
    """Hold the store from outside, so that nobody else can write."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as other:
            other.execute("begin immediate")
            yield
    else:
        with psycopg.connect(url) as server:
            server.execute("lock table session in exclusive mode")
            yield
            server.rollback()


@pytest.mark.parametrize("bound", ["MOST_WAITING", "MOST_WAITING_SIZE"])
async def test_what_waits_for_a_stuck_store_is_bounded(
    transcripts: Transcripts,
    epoch: int,
    url: str,
    bound: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(event_log, bound, 1000)
    log = EventLog("s", StoredSession("s", epoch, url))
    log.append("note", {"text": "kept"})
    await log.between(1, 1)
    reader = log.follow(1)
    with another_writer(url):
        for _ in range(3000):
            log.append("note", {"text": "word"})
        with pytest.raises(StoreError, match="takes no more") as caught:
            await anext(reader)
        assert (caught.value.code, caught.value.retryable) == ("store_stuck", True)
        assert _alive() < 1100
    await log.finish()
    assert log.failed.result() is caught.value
    stored = await all_of(transcripts)
    assert [event.seq for event in stored] == list(range(1, len(stored) + 1))


async def test_a_short_wait_for_the_store_loses_nothing(
    transcripts: Transcripts, epoch: int, url: str
) -> None:
    log = EventLog("s", StoredSession("s", epoch, url))
    with another_writer(url):
        for n in range(1, 3001):
            log.append("note", {"n": n})
    log.close()
    assert [event.data["n"] async for event in log.follow()] == list(range(1, 3001))
    await log.finish()
    assert len(await all_of(transcripts)) == 3000


async def test_texts_with_nul_are_stored_and_found(
    transcripts: Transcripts, epoch: int, url: str
) -> None:
    log = EventLog("s", StoredSession("s", epoch, url))
    log.append("turn_started", {"turn": 1, "prompt": [{"type": "text", "text": "one\0two"}]})
    log.append("tool_call_update", {"full_output": "three\0four"})
    log.append("session_info_update", {"title": "five\0six"})
    log.compact()
    log.close()
    await log.finish()
    assert not log.failed.done()
    assert [hit.seq for hit in await transcripts.search("two")] == [1]
    assert [hit.seq for hit in await transcripts.search("four")] == [2]
    assert await transcripts.search("nowhere\0") == []
    assert (await transcripts.get("s")).title == "five six"
    assert [event.data async for event in log.follow()][1] == {"full_output": "three\0four"}


async def test_what_comes_after_the_end_keeps_nobody_waiting(
    transcripts: Transcripts, epoch: int, url: str
) -> None:
    log = EventLog("s", StoredSession("s", epoch, url))
    log.append("note", {"n": 1})
    log.close()
    await log.finish()
    log.append("note", {"n": 2})
    assert [event.seq async for event in log.follow()] == [1]
