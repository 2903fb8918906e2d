"""Reports over a ledger of a million calls: `python benchmarks/usage_reports.py [CALLS]`."""

from __future__ import annotations

import asyncio
import random
import resource
import sqlite3
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from agentos.store import Store
from agentos.store.tables import USAGE_CALLS, USAGE_QUARTERS
from agentos.usage.call import CONTEXT_STEPS
from agentos.usage.price_table import known_prices
from agentos.usage.reports import make_report
from agentos.usage.rows import Group
from agentos.usage.selection import QUARTER

_MODELS = (
    *(("openai", "gpt-5.5", "codex"), ("openai", "gpt-5.4-mini", "codex")),
    *(("anthropic", "claude-opus-4-6", "claude"), ("anthropic", "claude-haiku-4-5", "claude")),
    ("local", "mystery", "codex"),
)
_END = 1_793_000_000
_DAYS = 180
_PER_SESSION = 250
_KEYS = tuple(column.name for column in USAGE_QUARTERS.primary_key)
_SUMS = tuple(column.name for column in USAGE_QUARTERS.c if column.name not in _KEYS)


def calls(count: int) -> Iterator[dict[str, Any]]:
    """Make calls as sessions make them: one after another, of growing input."""
    chance = random.Random(1)
    for number in range(count):
        if number % _PER_SESSION == 0:
            session = f"0199{number:012x}"
            provider, model, client = chance.choice(_MODELS)
            project = f"/home/ada/code/project-{chance.randrange(12)}"
            at, size = _END - chance.randrange(_DAYS * 86400), 8000
        at += chance.randrange(5, 60)
        size = min(size + chance.randrange(4000), 380_000) if chance.random() > 0.02 else 8000
        yield {
            **dict.fromkeys(("thread", "turn", "response_id", "profile", "agent", "tier"), ""),
            "identity": f"call-{number}",
            "source": client,
            "confidence": "exact",
            "client": client,
            "session": session,
            "provider": provider,
            "model": model,
            "project": project,
            "kind": "turn",
            "at": at * 1000,
            "metered": 1,
            "input": size,
            "cached_input": size * 9 // 10,
            "cache_write": 0,
            "cache_write_hour": 0,
            "output": chance.randrange(1500),
            "reasoning": 0,
            "price": None,
            "source_id": 0,
            "line": number,
            "offset": 0,
        }


def fill(path: Path, count: int) -> int:
    """Write the ledger; return how many rows of sums it has."""
    sums: defaultdict[tuple[Any, ...], list[float]] = defaultdict(lambda: [0] * len(_SUMS))
    names = [column.name for column in USAGE_CALLS.c if column.name != "id"]
    database = sqlite3.connect(path)

    def rows() -> Iterator[list[Any]]:
        for call in calls(count):
            context = max(step for step in CONTEXT_STEPS if call["input"] > step)
            quarter = call["at"] // 1000 // QUARTER * QUARTER
            told = call | {"quarter": quarter, "context": context, "priced": 0}
            total = sums[tuple(told[key] for key in _KEYS)]
            told |= {"calls": 1, "unmetered": 0, "derived": 0, "price": 0}
            for place, name in enumerate(_SUMS):
                total[place] += told[name]
            yield [call[name] for name in names]

    quoted = ", ".join(f'"{name}"' for name in names)
    marks = ", ".join("?" * len(names))
    database.executemany(f"insert into usage_call ({quoted}) values ({marks})", rows())
    marks = ", ".join("?" * (len(_KEYS) + len(_SUMS)))
    columns = ", ".join((*_KEYS, *_SUMS))
    database.executemany(
        f"insert into usage_quarter ({columns}) values ({marks})",
        ([*key, *total] for key, total in sums.items()),
    )
    database.commit()
    database.close()
    return len(sums)


async def run(count: int) -> None:
    """Fill a ledger, and time reports of it."""
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "agentos.db"
        await (await Store.open(f"sqlite:///{path}")).close()
        rows = fill(path, count)
        print(f"{count:,} calls, {rows:,} rows of sums, {path.stat().st_size >> 20} MB")
        store = await Store.open(f"sqlite:///{path}")
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
