"""Whoever is cancelled leaves no lock, no transaction and no connection behind."""

from __future__ import annotations

import asyncio
import gc
import os
import sqlite3
from collections.abc import Callable, Coroutine
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select

from agentos.store import Store
from agentos.store.tables import FACTS

Work = Callable[[Store, int], Coroutine[Any, Any, None]]
#: More turns of the event loop than one transaction takes.
TURNS = 60


async def writes(store: Store, number: int) -> None:
    async with store.writing() as connection:
        await connection.execute(insert(FACTS).values(name=f"n{number}", value="1"))


async def reads(store: Store, number: int) -> None:
    async with store.reading() as connection:
        await connection.execute(select(FACTS).where(FACTS.c.name == f"n{number}"))


def take_lock(file: Path) -> None:
    """Take the lock for writing, which has to be free at once."""
    with closing(sqlite3.connect(file, timeout=0, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")


def is_open(file: Path) -> bool:
    """Whether this process has it open."""
    return any(os.path.realpath(one) == str(file) for one in Path("/proc/self/fd").iterdir())


@pytest.mark.parametrize("work", [writes, reads])
async def test_cancelled_at_any_turn(tmp_path: Path, work: Work) -> None:
    file = tmp_path / "agentos.db"
    store = await Store.open(f"sqlite:///{file}")
    for turns in range(TURNS):
        task = asyncio.create_task(work(store, turns))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait((task,))
        take_lock(file)
    await store.close()
    gc.collect()  # a connection that was left open would warn


async def test_cancelled_while_another_process_writes(tmp_path: Path) -> None:
    file = tmp_path / "agentos.db"
    store = await Store.open(f"sqlite:///{file}")
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        task = asyncio.create_task(writes(store, 1))
        for _ in range(TURNS):  # until it waits for the lock
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.sleep(0)
        other.execute("ROLLBACK")
    await asyncio.wait((task,))
    take_lock(file)
    assert task.cancelled()
    await store.close()


async def test_closed_while_cancelled(tmp_path: Path) -> None:
    store = await Store.open(f"sqlite:///{tmp_path}/agentos.db")
    await reads(store, 1)
    task = asyncio.create_task(store.close())
    await asyncio.sleep(0)
    while not task.done():
        task.cancel()
        await asyncio.sleep(0)
    gc.collect()
    assert task.cancelled()


@pytest.mark.parametrize("work", [writes, reads])
async def test_closed_while_those_that_use_it_are_cancelled(tmp_path: Path, work: Work) -> None:
    for turns in range(TURNS):
        file = tmp_path / f"{turns}.db"
        store = await Store.open(f"sqlite:///{file}")
        tasks = [asyncio.create_task(work(store, number)) for number in range(3)]
        for _ in range(turns):
            await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await store.close()
        await asyncio.wait(tasks)
        assert not is_open(file), turns
