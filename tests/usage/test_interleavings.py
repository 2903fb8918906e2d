"""However files grow, turn over, move and vanish between readings, the ledger is the same."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.usage import codex_lines as lines

from agentos.store import Store
from agentos.usage.call import ModelCall, Source
from agentos.usage.homes import UsageHome
from agentos.usage.ledger import Ledger

THREADS = ("a", "b")


@dataclass
class Writer:
    """A Codex that writes two threads, the one with records, the other with counts."""

    home: Path
    written: dict[str, int] = field(default_factory=lambda: dict.fromkeys(THREADS, 0))
    half: dict[str, bytes] = field(default_factory=lambda: dict.fromkeys(THREADS, b""))

    def file(self, thread: str) -> Path:
        places = (self.home / "sessions", self.home / "archived_sessions")
        for place in places:
            place.mkdir(parents=True, exist_ok=True)
            if (place / f"rollout-{thread}.jsonl").exists():
                return place / f"rollout-{thread}.jsonl"
        return places[0] / f"rollout-{thread}.jsonl"

    def text(self, thread: str) -> bytes:
        """Return all that was ever written of a thread."""
        data = lines.meta(thread) + lines.context()
        for number in range(1, self.written[thread] + 1):
            data += line_of(thread, number)
        return data

    def do(self, step: str, thread: str) -> None:
        file = self.file(thread)
        if step == "append":
            self.written[thread] += 1
            self._finish(thread)
        elif step == "half":
            if not self.half[thread]:
                whole = line_of(thread, self.written[thread] + 1)
                self.half[thread] = whole[: len(whole) // 2]
                file.write_bytes(self.text(thread) + self.half[thread])
        elif step == "truncate" and file.exists():
            file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
        elif step == "rotate" and file.exists():
            fresh = file.with_suffix(".new")
            fresh.write_bytes(self.text(thread))
            fresh.replace(file)
            self.half[thread] = b""
        elif step == "delete":
            file.unlink(missing_ok=True)
        elif step == "move" and file.exists():
            other = "archived_sessions" if file.parent.name == "sessions" else "sessions"
            (self.home / other).mkdir(exist_ok=True)
            file.rename(self.home / other / file.name)
        elif step == "copy" and file.exists():
            (self.home / "archived_sessions" / f"copy-{thread}.jsonl").write_bytes(
                self.text(thread)
            )

    def _finish(self, thread: str) -> None:
        self.half[thread] = b""
        self.file(thread).write_bytes(self.text(thread))


def line_of(thread: str, number: int) -> bytes:
    at = f"2026-11-21T10:{number % 60:02d}:00Z"
    if thread == "a":
        return lines.record(f"a-{number}", (100 * number, 0, 0, number, 0), thread="a", at=at)
    total = 100 * number * (number + 1) // 2
    return lines.count((total, 0, 0, number, 0), (100 * number, 0, 0, 1, 0), at)


async def told(steps: list[tuple[str, str]]) -> tuple[list[tuple[str, int, int]], int]:
    """Do the steps, and return the calls that the ledger has then, and their sum."""
    with tempfile.TemporaryDirectory() as place:
        writer = Writer(Path(place) / "codex")
        home = UsageHome(Source.CODEX, writer.home)
        url = f"sqlite:///{place}/ledger.db"
        store = await Store.open(url)
        try:
            for step, thread in steps:
                if step == "read":
                    await Ledger(store).ingest([home])
                elif step == "restart":
                    await store.close()
                    store = await Store.open(url)
                else:
                    writer.do(step, thread)
            for thread in THREADS:  # at last, all is there and is read
                writer.do("rotate", thread)
            await Ledger(store).ingest([home])
            calls = [call for _, call in await Ledger(store).calls()]
            [total] = await Ledger(store).totals()
            return sorted(map(essence, calls)), total.tokens.input
        finally:
            await store.close()


def essence(call: ModelCall) -> tuple[str, int, int]:
    assert call.tokens is not None
    return call.identity, call.tokens.input, call.tokens.output


STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                *("append", "append", "append", "read", "read", "half"),
                *("truncate", "rotate", "delete", "move", "copy", "restart"),
            ]
        ),
        st.sampled_from(THREADS),
    ),
    max_size=25,
)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=STEPS)
def test_any_interleaving_gives_the_same_ledger(steps: list[tuple[str, str]]) -> None:
    writes = [("append", thread) for step, thread in steps if step == "append"]
    plain = asyncio.run(told(writes))
    # What was deleted before it was read is lost to every reader.
    read_before = []
    for step, thread in steps:
        if step in ("delete", "truncate"):
            read_before.append(("read", thread))
        read_before.append((step, thread))
    assert asyncio.run(told(read_before)) == plain
