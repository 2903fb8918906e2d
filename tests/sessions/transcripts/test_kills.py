"""No delivered event is lost, whenever the process is killed."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sqlite3
from pathlib import Path

from agentos.sessions.event_log import EventLog
from agentos.sessions.transcripts import SessionRecord, Transcripts
from agentos.sessions.transcripts.keeper import StoredSession, open_transcripts
from agentos.store import Store

KILLS = 1000


def test_a_kill_at_any_moment_loses_no_delivered_event(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/agentos.db"
    asyncio.run(_begin(url))
    delivered = 0
    chance = random.Random(7)
    for _ in range(KILLS):
        delivered = max(delivered, _live_and_die(url, chance.randrange(1, 800)))
        with sqlite3.connect(tmp_path / "agentos.db") as store:
            rows = store.execute("select seq, last_seq from session_event order by seq").fetchall()
        ends = [end for _, end in rows]
        assert [begin for begin, _ in rows] == [1, *(end + 1 for end in ends[:-1])]
        assert (ends[-1] if ends else 0) >= delivered
    assert delivered > KILLS
    asyncio.run(_read_all(url, delivered))


async def _begin(url: str) -> None:
    store = await Store.open(url)
    await Transcripts(store).create(SessionRecord("s", "codex", "box"))
    await store.close()


async def _read_all(url: str, least: int) -> None:
    store = await Store.open(url)
    seen = [event.seq async for event in Transcripts(store).read("s")]
    await store.close()
    assert seen == list(range(1, len(seen) + 1))
    assert len(seen) >= least


def _live_and_die(url: str, moments: int) -> int:
    """Append events in a process that is killed after a while; return the last one delivered."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read_end)
        try:
            asyncio.run(_append_for_ever(url, write_end))
        finally:
            os._exit(1)
    os.close(write_end)
    told = os.read(read_end, 8)  # it lives; the kill comes some bytes later
    left = moments
    while left > 0 and (more := os.read(read_end, left)):
        left -= len(more)
        told = (told + more)[-16:]
    os.kill(child, signal.SIGKILL)
    rest = told
    while more := os.read(read_end, 65536):
        rest = (rest + more)[-16:]
    os.waitpid(child, 0)
    os.close(read_end)
    whole = rest.rpartition(b"\n")[0].rpartition(b"\n")[2]
    return int(whole or 0)


async def _append_for_ever(url: str, told: int) -> None:
    opened = open_transcripts(url)  # held open, as a session does
    transcripts = await opened.__aenter__()
    epoch = await transcripts.claim("s")
    last = (await transcripts.get("s")).last_seq
    log = EventLog("s", StoredSession("s", epoch, url), last)

    delivered = log.follow(last)
    while True:
        for _ in range(random.randrange(1, 20)):
            content = {"type": "text", "text": "x"}
            log.append("agent_message_chunk", {"messageId": "m", "content": content})
        if random.random() < 0.1:
            log.compact()
        while True:
            event = await anext(delivered)
            os.write(told, b"%07d\n" % event.seq)
            if event.seq == log.last_seq:
                break
