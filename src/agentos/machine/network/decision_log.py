"""Decisions of the gateway in the store, written in batches behind its back.

The hot path only remembers which records are new or have ended. A second later a task writes them
all in one transaction. The database is imported, in a thread, and opened when there is something
to write: a machine without network activity pays nothing.
"""

from __future__ import annotations

import asyncio
import importlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from agentos.errors import AgentOsError
from agentos.machine.network.journal import Connection, Verdict
from agentos.machine.network.tasks import Tasks

if TYPE_CHECKING:
    from agentos.store import Store

#: Seconds from a decision to the batch that holds it.
DELAY = 1.0
#: How long decisions are kept.
KEEP = timedelta(days=30)
#: How many decisions wait for a store that cannot be written; the oldest are lost beyond that.
MOST_WAITING = 100_000


class DecisionLog:
    """Write one machine's decisions into the store.

    Args:
        machine_name: The machine's host name.

    Attributes:
        machine: What tells this machine from every other one.
        store_url: Where to write; by default where the store is by default.
    """

    def __init__(self, machine_name: str, store_url: str | None = None) -> None:
        self.machine = os.urandom(16).hex()
        self.store_url = store_url
        self._machine_name = machine_name
        self._numbers: dict[int, int] = {}
        self._last_number = 0
        self._waiting: dict[int, Connection] = {}
        self._written: set[int] = set()
        self._tasks = Tasks()
        self._closing = asyncio.Event()
        self._failing = False
        self._store: Store | None = None

    def note(self, record: Connection) -> None:
        """Write a record soon: it is new, or has ended."""
        number = self._numbers.get(id(record))
        if number is None:
            self._last_number = number = self._last_number + 1
        if record.ended is None:
            self._numbers[id(record)] = number
        else:
            self._numbers.pop(id(record), None)
        self._waiting[number] = record
        if len(self._waiting) > MOST_WAITING:
            self._waiting.pop(next(iter(self._waiting)))
        if not len(self._tasks):
            self._tasks.start(self._write_soon())

    async def close(self) -> None:
        """Write what is left, and let go of the store."""
        self._closing.set()
        try:
            await self._tasks.join()
        finally:
            self._closing.clear()
            await self._tasks.cancel()
            store, self._store = self._store, None
            if store is not None:
                await store.close()

    async def _write_soon(self) -> None:
        while self._waiting:
            try:
                async with asyncio.timeout(DELAY):
                    await self._closing.wait()
            except TimeoutError:
                await self._write()
            else:
                await self._write()
                return

    async def _write(self) -> None:
        """Write what waits; a store that cannot be written is told of once, and tried again."""
        batch, self._waiting = self._waiting, {}
        if not batch:
            return
        try:
            await self._write_batch(batch)
        except BaseException as error:
            self._waiting = {**batch, **self._waiting}
            if not isinstance(error, AgentOsError | OSError):
                raise
            if not self._failing:
                message = f"network decisions wait to be stored: {error}"
                asyncio.get_running_loop().call_exception_handler({"message": message})
            self._failing = True
        else:
            self._failing = False

    async def _write_batch(self, batch: dict[int, Connection]) -> None:
        from_thread = await asyncio.to_thread(importlib.import_module, "agentos.store")
        if self._store is None:
            self._store = await from_thread.Store.open(self.store_url)
            await _forget_old(self._store)
        rows = [self._row(number, record) for number, record in batch.items()]
        await _save(self._store, rows, self._written)
        for row in rows:  # as it was written: its record may have ended before or meanwhile
            if row["ended"] is None:
                self._written.add(row["number"])
            else:
                self._written.discard(row["number"])
                self._waiting.pop(row["number"], None)

    def _row(self, number: int, record: Connection) -> dict[str, Any]:
        return {
            "machine": self.machine,
            "number": number,
            "machine_name": self._machine_name,
            "at": record.at,
            "ended": record.ended,
            "verdict": record.verdict,
            "name": record.name,
            "port": record.port,
            "address": record.address,
            "bytes_out": record.bytes_out,
            "bytes_in": record.bytes_in,
            "rule": record.rule,
            "reason": record.reason,
        }


async def _save(store: Store, rows: Sequence[dict[str, Any]], written: set[int]) -> None:
    from sqlalchemy import and_, bindparam, insert, update

    from agentos.store.tables import NETWORK_DECISIONS as TABLE

    new = [row for row in rows if row["number"] not in written]
    changed = [
        {f"new_{name}": value for name, value in row.items()}
        for row in rows
        if row["number"] in written
    ]
    async with store.writing() as connection:
        if new:
            await connection.execute(insert(TABLE), new)
        if changed:
            values = ("ended", "verdict", "bytes_out", "bytes_in", "reason")
            key = and_(
                TABLE.c.machine == bindparam("new_machine"),
                TABLE.c.number == bindparam("new_number"),
            )
            statement = update(TABLE).where(key)
            await connection.execute(
                statement.values({name: bindparam(f"new_{name}") for name in values}), changed
            )


async def _forget_old(store: Store) -> None:
    from sqlalchemy import delete

    from agentos.store.tables import NETWORK_DECISIONS as TABLE

    async with store.writing() as connection:
        await connection.execute(delete(TABLE).where(TABLE.c.at < datetime.now(UTC) - KEEP))


@dataclass(frozen=True, slots=True)
class StoredDecision:
    """A decision as the store has it.

    Attributes:
        machine: What tells its machine from every other one.
        machine_name: The machine's host name.
        record: The decision.
    """

    machine: str
    machine_name: str
    record: Connection


async def stored_decisions(
    store: Store,
    *,
    machine: str | None = None,
    verdict: Verdict | None = None,
    last: int = 100,
) -> list[StoredDecision]:
    """Read the latest decisions, oldest first.

    Args:
        store: An open store.
        machine: Only of this machine: its host name, or the beginning of what identifies it.
        verdict: Only with this verdict.
        last: How many.
    """
    from sqlalchemy import or_, select

    from agentos.store.tables import NETWORK_DECISIONS as TABLE

    wanted = select(TABLE).order_by(TABLE.c.at.desc(), TABLE.c.number.desc()).limit(last)
    if machine is not None:
        same = TABLE.c.machine.startswith(machine, autoescape=True)
        wanted = wanted.where(or_(TABLE.c.machine_name == machine, same))
    if verdict is not None:
        wanted = wanted.where(TABLE.c.verdict == verdict)
    async with store.reading() as connection:
        rows = (await connection.execute(wanted)).mappings().all()
    return [_decision(dict(row)) for row in reversed(rows)]


def _decision(row: dict[str, Any]) -> StoredDecision:
    machine, machine_name = row.pop("machine"), row.pop("machine_name")
    del row["number"]
    return StoredDecision(machine, machine_name, Connection(**row))
