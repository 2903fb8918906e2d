"""Reports over a ledger of a million calls: `python benchmarks/usage_reports.py [CALLS]`."""

from __future__ import annotations

import asyncio
import random
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from agentos.store import Store
from agentos.store.tables import USAGE_QUARTERS
from agentos.usage.booking import book
from agentos.usage.price_table import known_prices
from agentos.usage.reading.entry import Caller, Entry
from agentos.usage.reports import make_report
from agentos.usage.rows import Group

_MODELS = (
    *(("openai", "gpt-5.5", "codex"), ("openai", "gpt-5.4-mini", "codex")),
    *(("anthropic", "claude-opus-4-6", "claude"), ("anthropic", "claude-haiku-4-5", "claude")),
    ("local", "mystery", "codex"),
)
_END = 1_793_000_000
_DAYS = 180
_PER_SESSION = 250
_TOGETHER = 50_000


def calls(count: int) -> Iterator[Entry]:
    """Make calls as sessions make them: one after another, of growing input."""
    chance = random.Random(1)
    for number in range(count):
        if number % _PER_SESSION == 0:
            session = f"0199{number:012x}"
            provider, model, client = chance.choice(_MODELS)
            project = f"/home/ada/code/project-{chance.randrange(12)}"
            words = {"session": session, "provider": provider, "model": model, "project": project}
            caller = Caller(source=client, client=client, kind="turn", **words)
            at, size = _END - chance.randrange(_DAYS * 86400), 8000
        at += chance.randrange(5, 60)
        size = min(size + chance.randrange(4000), 380_000) if chance.random() > 0.02 else 8000
        used = {"input": size, "cached_input": size * 9 // 10, "output": chance.randrange(1500)}
        yield Entry(f"call-{number}", caller, at * 1000, number, 0, **used)


async def fill(store: Store, count: int) -> int:
    """Write the ledger; return how many rows of sums it has."""
    every = calls(count)
    while part := list(islice(every, _TOGETHER)):
        await store.write(lambda connection: book(connection, [(0, part)], set()))
    async with store.reading() as connection:
        return await connection.scalar(select(func.count()).select_from(USAGE_QUARTERS)) or 0


async def run(count: int) -> None:
    """Fill a ledger, and time reports of it."""
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "agentos.db"
        store = await Store.open(f"sqlite:///{path}")
        rows = await fill(store, count)
        print(f"{count:,} calls, {rows:,} rows of sums, {path.stat().st_size >> 20} MB")
        prices, zone = known_prices(), ZoneInfo("Europe/Berlin")
        groups: tuple[tuple[Group, ...], ...] = (
            *((), ("day",), ("model",), ("project",), ("client",), ("session",)),
            ("month", "model"),
        )
        for by in groups:
            taken, used = [], []
            for _ in range(5):
                began, before = time.perf_counter(), _used()
                found = await make_report(store, by, prices=prices, where=zone)
                taken.append(time.perf_counter() - began)
                used.append(_used() - before)
            assert found.total.calls == count
            name = " and ".join(by) or "nothing"
            print(f"by {name:<18} {len(found.rows):>6} rows {min(taken) * 1000:>7.0f} ms", end="")
            print(f" {min(used) * 1000:>7.0f} ms of processor")
        await store.close()


def _used() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    asyncio.run(run(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000))
