"""Events of sessions on their way into the store, and from there to who listens.

Storing is counted in processor time of all threads: events a second that one core can store. The
delay of an event is from `append` to the reader, who has it only once it is stored; beside it the
delay of the event loop itself, which is what a busy host adds.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from measure import Figure, main

from agentos.sessions.event_log import EventLog
from agentos.sessions.ids import new_id
from agentos.sessions.transcripts import SessionRecord
from agentos.sessions.transcripts.keeper import StoredSession, open_transcripts
from agentos.store import default_url

ROUNDS = 5
EVENTS = 50_000
BATCH = 1000
RATE = 1000
SECONDS = 20
LEAST_STORED = 20_000.0
MOST_DELAY = 5.0


@asynccontextmanager
async def session() -> AsyncIterator[EventLog]:
    """Begin a session in the store, which stays open as long."""
    async with open_transcripts() as transcripts:
        record = SessionRecord(new_id(), "codex", "box")
        epoch = await transcripts.create(record)
        log = EventLog(record.id, StoredSession(record.id, epoch, default_url()))
        yield log
        log.close()
        await log.finish()


def say(log: EventLog, text: str) -> int:
    content = {"type": "text", "text": text}
    return log.append("agent_message_chunk", {"messageId": "m", "content": content}).seq


async def stored_a_second() -> tuple[float, float]:
    """Return events a second of processor time, and of the clock."""
    async with session() as log:
        cpu, start = time.process_time(), time.perf_counter()
        for n in range(EVENTS // BATCH):
            for _ in range(BATCH):
                last = say(log, f"some words of batch {n} ")
            await log.between(last, last)
        cpu, seconds = time.process_time() - cpu, time.perf_counter() - start
    return EVENTS / cpu, EVENTS / seconds


async def delays() -> tuple[list[float], list[float]]:
    """Return the seconds from `append` to the reader, and those that the event loop was late."""
    appended: dict[int, float] = {}
    delivered: list[float] = []
    late: list[float] = []

    async def read(log: EventLog) -> None:
        async for event in log.follow():
            delivered.append(time.perf_counter() - appended.pop(event.seq))

    async with session() as log, asyncio.TaskGroup() as group:
        group.create_task(read(log))
        start = time.perf_counter()
        for n in range(RATE * SECONDS):
            due = start + n / RATE
            if (left := due - time.perf_counter()) > 0:
                await asyncio.sleep(left)
                late.append(time.perf_counter() - due)
            appended[log.last_seq + 1] = time.perf_counter()
            say(log, "word ")
        log.close()
    return delivered, late


def p99(seconds: list[float]) -> float:
    """Return the 99th percentile, in milliseconds."""
    return statistics.quantiles(seconds, n=100)[98] * 1e3


async def measure() -> list[Figure]:
    rates = [await stored_a_second() for _ in range(ROUNDS)]
    delivered, late = await delays()
    by_cpu = sorted(cpu for cpu, _ in rates)
    by_clock = statistics.median(clock for _, clock in rates)
    return [
        Figure(
            f"events stored a second of processor time, batches of {BATCH:,}",
            statistics.median(by_cpu),
            "/s",
            f"{by_cpu[0]:.0f} to {by_cpu[-1]:.0f}; by the clock {by_clock:.0f}",
            least=LEAST_STORED,
        ),
        Figure(
            f"delivery at {RATE:,} events a second, p99",
            p99(delivered),
            "ms",
            f"p50 {statistics.median(delivered) * 1e3:.2f}; the event loop itself p99 "
            f"{p99(late):.2f}; load {os.getloadavg()[0]:.0f}",
            most=MOST_DELAY,
        ),
    ]


if __name__ == "__main__":
    main(measure, __doc__)
