"""Opening, upgrading, reading and writing the store."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Column, Connection, MetaData, Table, insert, select, text

from agentos.errors import AgentOsError, ConfigInvalid, StoreError
from agentos.store import Store, default_url
from agentos.store.migrations import HEAD
from agentos.store.tables import FACTS, METADATA
from agentos.store.tables.schema import Moment
from agentos.store.upgrade import configuration


async def put(store: Store, name: str, value: str = "x") -> None:
    async with store.writing() as connection:
        await connection.execute(insert(FACTS).values(name=name, value=value))


async def names(store: Store) -> list[str]:
    async with store.reading() as connection:
        return list(await connection.scalars(select(FACTS.c.name).order_by(FACTS.c.name)))


async def test_what_was_written_is_there_after_opening_again(url: str) -> None:
    store = await Store.open(url)
    await put(store, "kept")
    await store.close()
    again = await Store.open(url)
    assert await names(again) == ["kept"]
    await again.close()


async def test_the_schema_is_that_of_the_tables(url: str) -> None:
    def ours(item: object, name: str | None, *_: object) -> bool:
        return not str(name).startswith(("session_text", "ix_session_text"))  # the text index

    def differences(connection: Connection) -> list[object]:
        options = {"include_object": ours}
        context = MigrationContext.configure(connection, opts=options)
        return list(compare_metadata(context, METADATA))

    store = await Store.open(url)
    async with store.reading() as connection:
        assert await connection.run_sync(differences) == []
    await store.close()


def test_head_is_the_newest_migration() -> None:
    assert ScriptDirectory.from_config(configuration()).get_current_head() == HEAD


def add(name: str) -> Callable[[Connection], None]:
    def work(store: Connection) -> None:
        store.execute(insert(FACTS).values(name=name, value=""))

    return work


async def test_writes_at_once_are_all_kept(url: str) -> None:
    store = await Store.open(url)
    async with asyncio.TaskGroup() as group:
        for n in range(20):
            group.create_task(store.write(add(f"{n:02}")))
            group.create_task(put(store, f"{n:02} slowly"))
    assert len(await names(store)) == 40
    await store.close()
    await store.close()


async def test_a_write_that_fails_in_the_middle_leaves_nothing(url: str) -> None:
    def fail(store: Connection) -> None:
        add("lost")(store)
        raise RuntimeError("stop")

    store = await Store.open(url)
    with pytest.raises(RuntimeError, match="stop"):
        await store.write(fail)
    await store.write(add("kept"))
    assert await names(store) == ["kept"]
    await store.close()


async def test_a_cancelled_write_is_whole_or_not_there(url: str) -> None:
    store = await Store.open(url)
    writers = [asyncio.create_task(store.write(add(f"{n:02}"))) for n in range(20)]
    await asyncio.sleep(0)
    for writer in writers:
        writer.cancel()
    await asyncio.wait(writers)
    before = await names(store)
    await store.write(add("next"))
    assert await names(store) == [*before, "next"]
    await store.close()


async def test_a_full_disk_stops_a_write_with_our_error(tmp_path: Path) -> None:
    def overfill(store: Connection) -> None:
        store.exec_driver_sql("PRAGMA max_page_count=16")
        store.execute(insert(FACTS).values(name="lost", value="x" * 1_000_000))

    store = await Store.open(f"sqlite:///{tmp_path}/agentos.db")
    await store.write(add("kept"))
    with pytest.raises(StoreError) as caught:
        await store.write(overfill)
    assert (caught.value.code, caught.value.retryable) == ("store_full", True)
    assert await names(store) == ["kept"]
    await store.close()


async def test_what_is_written_ahead_is_carried_over_meanwhile(tmp_path: Path) -> None:
    store = await Store.open(f"sqlite:///{tmp_path}/agentos.db")
    before = (tmp_path / "agentos.db").stat().st_size
    for n in range(1500):
        await store.write(add(f"{n:04} {'x' * 100}"))
    # The last pages may still be on their way; SQLite's own way would have begun at 8,000.
    assert (tmp_path / "agentos.db").stat().st_size > before
    await store.close()
    assert not (tmp_path / "agentos.db-wal").exists()


async def test_a_store_in_memory_is_one_store() -> None:
    store = await Store.open("sqlite://")
    await store.write(add("here"))
    assert await names(store) == ["here"]
    await store.close()


async def test_a_failed_write_leaves_nothing(url: str) -> None:
    async def fail() -> None:
        async with store.writing() as connection:
            await connection.execute(insert(FACTS).values(name="lost", value=""))
            raise RuntimeError("stop")

    store = await Store.open(url)
    with pytest.raises(RuntimeError, match="stop"):
        await fail()
    assert await names(store) == []
    await store.close()


async def test_writers_take_turns_and_readers_do_not_wait(url: str) -> None:
    store = await Store.open(url)
    async with store.writing() as connection:
        await connection.execute(insert(FACTS).values(name="a", value=""))
        assert await names(store) == []
        async with asyncio.TaskGroup() as group:
            other = group.create_task(put(store, "b"))
            await connection.commit()
    assert other.done()
    assert await names(store) == ["a", "b"]
    await store.close()


async def test_processes_that_open_a_new_store_at_once(url: str) -> None:
    program = "import asyncio, sys; from agentos.store import Store; "
    program += "asyncio.run(Store.open(sys.argv[1]))"
    openers = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-W", "ignore", "-c", program, url, stderr=asyncio.subprocess.PIPE
        )
        for _ in range(4)
    ]
    for opener in openers:
        _, errors = await opener.communicate()
        assert opener.returncode == 0, errors.decode()
    store = await Store.open(url)
    await put(store, "works")
    await store.close()


async def test_a_store_of_a_newer_version_is_left_alone(url: str) -> None:
    store = await Store.open(url)
    async with store.writing() as connection:
        await connection.execute(text("update alembic_version set version_num = '9999'"))
    await store.close()
    with pytest.raises(StoreError) as caught:
        await Store.open(url)
    assert caught.value.code == "store_newer"
    assert "9999" in caught.value.message


async def test_a_damaged_file_is_said_to_be_one(tmp_path: Path) -> None:
    (tmp_path / "agentos.db").write_bytes(b"not a database" * 1000)
    with pytest.raises(StoreError) as caught:
        await Store.open(f"sqlite:///{tmp_path}/agentos.db")
    assert caught.value.code == "store_damaged"
    assert (tmp_path / "agentos.db").read_bytes() == b"not a database" * 1000


async def test_a_full_disk_keeps_what_was_committed(tmp_path: Path) -> None:
    async def overfill() -> None:
        async with store.writing() as connection:
            await connection.exec_driver_sql("PRAGMA max_page_count=16")
            await connection.execute(insert(FACTS).values(name="lost", value="x" * 1_000_000))

    store = await Store.open(f"sqlite:///{tmp_path}/agentos.db")
    await put(store, "kept")
    with pytest.raises(StoreError) as caught:
        await overfill()
    assert (caught.value.code, caught.value.retryable) == ("store_full", True)
    assert await names(store) == ["kept"]
    await store.close()


@pytest.mark.parametrize("wrong", ["", "nonsense", "mysql://host/name"])
async def test_a_url_that_names_no_store(wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENTOS_STORE_URL", wrong or "://")
    with pytest.raises(ConfigInvalid, match="store"):
        await Store.open(wrong or None)


async def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(AgentOsError) as caught:
        await Store.open(f"postgresql://tester:secret@/agentos?host={tmp_path}")
    assert caught.value.code == "store_unavailable"
    assert "secret" not in str(caught.value)


async def test_without_the_driver_of_postgresql(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(ConfigInvalid) as caught:
        await Store.open("postgresql://tester@localhost/agentos")
    assert caught.value.hint == "pip install 'agentos-vm[postgresql]'"


def test_its_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("AGENTOS_STORE_URL", raising=False)
    monkeypatch.setenv("AGENTOS_DATA_DIR", str(tmp_path))
    assert default_url() == f"sqlite:///{tmp_path}/agentos.db"


async def test_moments_come_back_in_utc(url: str) -> None:
    when = datetime(2026, 3, 4, 12, tzinfo=timezone(timedelta(hours=2)))
    table = Table("moments", MetaData(), Column("at", Moment))
    store = await Store.open(url)
    async with store.writing() as connection:
        await connection.run_sync(table.create)
        await connection.execute(insert(table).values(at=when))
        found = await connection.scalar(select(table.c.at))
        assert found == when
        assert found is not None
        assert found.tzinfo is UTC
        with pytest.raises(Exception, match="time zone"):
            await connection.execute(insert(table).values(at=datetime(2026, 3, 4)))  # noqa: DTZ001
    await store.close()
