"""Recording events, whatever the store does."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from tests.hub.telemetry.conftest import QUICK

from agentos.home.projects import ActiveProjects
from agentos.hub.settings import HubSettings
from agentos.hub.telemetry import log
from agentos.hub.telemetry import telemetry as module
from agentos.hub.telemetry.counts import MOST_KEYS, OTHER
from agentos.hub.telemetry.event import EventRecord, HubEvent, Kind
from agentos.hub.telemetry.log import Filters
from agentos.hub.telemetry.telemetry import Pace, Telemetry
from agentos.store import Store


def tool(name: str = "list_portfolio_files", **about: object) -> HubEvent:
    return HubEvent(kind=Kind.TOOL, name=name, **about)  # type: ignore[arg-type]


async def stored(store: Store, filters: Filters = log.EVERYTHING) -> list[str]:
    return [record.name for record in (await log.page(store, filters, limit=1000)).records]


async def test_an_event_is_kept_with_everything_that_is_told_of_it(
    telemetry: Telemetry, projects: ActiveProjects
) -> None:
    projects.use("website")
    at = datetime(2026, 5, 1, tzinfo=UTC)
    telemetry.record(
        tool(
            "agentOS_fs_read",
            outcome="outside_roots",
            duration_ms=1.5,
            client="codex",
            principal="user",
            arguments={"path": "/etc/passwd"},
            bytes_in=10,
            bytes_out=2**40,
            request_id="r1",
            at=at,
        )
    )
    await telemetry.flush()
    [record] = (await telemetry.query()).records
    assert record == EventRecord(
        id=1,
        at=at,
        kind="tool",
        name="agentOS_fs_read",
        client="codex",
        project="website",
        principal="user",
        outcome="outside_roots",
        duration_ms=1.5,
        bytes_in=10,
        bytes_out=2**40,
        request_id="r1",
        arguments='{"path":"/etc/passwd"}',
    )


async def test_events_are_written_without_being_asked_for(store: Store) -> None:
    async with Telemetry(store, pace=QUICK) as telemetry:
        async with aclosing(telemetry.follow()) as following:
            assert await anext(following) == 0
            telemetry.record(tool())
            found = await anext(following)
        assert isinstance(found, EventRecord)
        assert await stored(store) == ["list_portfolio_files"]


async def test_what_waits_is_written_at_the_end(store: Store) -> None:
    async with Telemetry(store, pace=Pace(batch=3600)) as telemetry:
        for number in range(2500):
            telemetry.record(tool(str(number)))
    records = (await log.page(store, limit=1000)).records
    assert [record.name for record in records] == [str(n) for n in range(2499, 1499, -1)]
    assert telemetry.dropped == 0


async def test_the_last_hundred_are_at_hand_before_they_are_written(store: Store) -> None:
    async with Telemetry(store, pace=Pace(batch=3600)) as telemetry:
        for number in range(150):
            telemetry.record(tool(str(number)))
        assert [record.name for record in telemetry.recent()] == [
            str(n) for n in range(149, 49, -1)
        ]
        assert [record.name for record in telemetry.recent(2)] == ["149", "148"]


async def test_counts_go_on_after_a_restart(store: Store) -> None:
    for _ in range(2):
        async with Telemetry(store, pace=QUICK) as telemetry:
            telemetry.record(tool("a", duration_ms=2))
            telemetry.record(tool("a", outcome="failed"))
            await telemetry.flush()
    total = telemetry.counts()["tool", "a", "ok"]
    assert (total.count, total.duration_ms) == (2, 4)
    assert telemetry.counts()["tool", "a", "failed"].count == 2


async def test_names_that_are_made_up_are_counted_together(telemetry: Telemetry) -> None:
    for number in range(MOST_KEYS + 50):
        telemetry.record(tool(f"made-up-{number}", outcome=f"error-{number}"))
    assert len(telemetry.counts()) == MOST_KEYS + 1
    assert telemetry.counts()["tool", OTHER, "error"].count == 50
    scraped = telemetry.metrics.text()[0].decode()
    assert scraped.count("agentos_hub_tool_calls_total{") == MOST_KEYS + 1


async def test_the_log_is_read_page_by_page_though_it_grows(telemetry: Telemetry) -> None:
    for number in range(10):
        telemetry.record(tool(str(number)))
    await telemetry.flush()
    first = await telemetry.query(limit=4)
    telemetry.record(tool("new"))
    await telemetry.flush()
    second = await telemetry.query(after=first.next, limit=4)
    third = await telemetry.query(after=second.next, limit=4)
    names = [record.name for page in (first, second, third) for record in page.records]
    assert names == [str(n) for n in range(9, -1, -1)]
    assert third.next is None


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        (Filters(kind="http"), ["d"]),
        (Filters(client="codex"), ["b", "a"]),
        (Filters(project="billing"), ["b"]),
        (Filters(name="c"), ["c"]),
        (Filters(principal="reader"), ["c"]),
        (Filters(outcome="ok"), ["d", "c", "a"]),
        (Filters(outcome="error"), ["b"]),
        (Filters(outcome="refused"), ["b"]),
        (Filters(since=datetime(2026, 1, 2, tzinfo=UTC)), ["d", "c", "b"]),
        (Filters(until=datetime(2026, 1, 2, tzinfo=UTC)), ["a"]),
        (Filters(client="codex", outcome="error"), ["b"]),
        (Filters(client="Codex"), []),
    ],
)
async def test_filters_choose_the_same_stored_and_live(
    telemetry: Telemetry, filters: Filters, names: list[str]
) -> None:
    day = timedelta(days=1)
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    telemetry.record(tool("a", client="codex", at=begin))
    telemetry.record(
        tool("b", client="codex", project="billing", outcome="refused", at=begin + day)
    )
    telemetry.record(tool("c", client="claude", principal="reader", at=begin + day))
    telemetry.record(HubEvent(kind=Kind.HTTP, name="d", at=begin + 2 * day))
    await telemetry.flush()
    records = (await telemetry.query()).records
    assert [r.name for r in (await telemetry.query(filters)).records] == names
    assert [record.name for record in records if filters.match(record)] == names


async def test_what_is_too_old_is_forgotten_and_ids_are_not_used_again(store: Store) -> None:
    old = datetime.now(UTC) - timedelta(days=8)
    async with Telemetry(store, pace=QUICK) as telemetry:
        for _ in range(3):
            telemetry.record(tool("old", at=old))
    moment = log.retained_since(7)
    assert await log.forget_before(store, moment) == 3
    async with Telemetry(store, HubSettings(retention_days=7), pace=QUICK) as telemetry:
        telemetry.record(tool("new"))
        await telemetry.flush()
    [record] = (await log.page(store)).records
    assert (record.id, record.name) == (4, "new")
    assert telemetry.counts()["tool", "old", "ok"].count == 3


async def test_retention_runs_at_the_start(store: Store) -> None:
    async with Telemetry(store, pace=QUICK) as telemetry:
        telemetry.record(tool("old", at=datetime.now(UTC) - timedelta(days=8)))
        telemetry.record(tool("new"))
    async with Telemetry(store, HubSettings(retention_days=7), pace=QUICK):
        while await stored(store) != ["new"]:
            await asyncio.sleep(0)


async def test_retention_goes_on_while_the_hub_runs(store: Store) -> None:
    pace = Pace(batch=0.01, retention=0.01)
    async with Telemetry(store, HubSettings(retention_days=7), pace=pace) as telemetry:
        telemetry.record(tool("new"))
        telemetry.record(tool("old", at=datetime.now(UTC) - timedelta(days=8)))
        await telemetry.flush()
        while await stored(store) != ["new"]:
            await asyncio.sleep(0)


async def test_a_store_that_cannot_be_read_does_not_keep_the_hub_from_starting(
    light_store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    async with light_store.writing() as connection:
        await connection.execute(text("alter table hub_count rename to away"))
    async with Telemetry(light_store, pace=QUICK) as telemetry:
        telemetry.record(tool("kept"))
        assert "cannot be written now" in caplog.text
        async with light_store.writing() as connection:
            await connection.execute(text("alter table away rename to hub_count"))
    assert await stored(light_store) == ["kept"]
    assert telemetry.dropped == 0


async def test_a_store_that_is_held_drops_what_is_too_much_and_says_so_once(
    light_store: Store,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 50)
    async with Telemetry(light_store, pace=QUICK) as telemetry:
        await telemetry.flush()
        holder = sqlite3.connect(
            tmp_path / "agentos.db", isolation_level=None, check_same_thread=False
        )
        await asyncio.to_thread(holder.execute, "begin immediate")  # after what is under way
        with caplog.at_level(logging.WARNING):
            for number in range(80):
                telemetry.record(tool(str(number)))
        holder.execute("rollback")
        holder.close()
        await telemetry.flush()
        assert telemetry.dropped == 30
        assert "agentos_hub_events_dropped_total 30.0" in telemetry.metrics.text()[0].decode()
    assert len([r for r in caplog.records if "dropped" in r.message]) == 1
    assert len(await stored(light_store)) == 50


async def test_a_store_that_refuses_is_tried_again_until_it_takes_all(
    light_store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    async with Telemetry(light_store, pace=QUICK) as telemetry:
        await telemetry.flush()
        async with light_store.writing() as connection:
            await connection.execute(text("alter table hub_event rename to away"))
        with caplog.at_level(logging.WARNING):
            telemetry.record(tool("kept"))
            while not caplog.records:
                await asyncio.sleep(0)
        async with light_store.writing() as connection:
            await connection.execute(text("alter table away rename to hub_event"))
    assert await stored(light_store) == ["kept"]
    assert len(caplog.records) == 1


async def test_two_hubs_on_one_store_see_each_others_events(store: Store, url: str) -> None:
    other_store = await Store.open(url)
    async with (
        Telemetry(store, pace=QUICK) as one,
        Telemetry(other_store, pace=QUICK) as other,
        aclosing(one.follow()) as following,
    ):
        await anext(following)
        for number in range(20):
            (one if number % 2 else other).record(tool(str(number)))
        found: list[EventRecord] = []
        while len(found) < 20:
            item = await anext(following)
            found += [item] if isinstance(item, EventRecord) else []
    await other_store.close()
    assert sorted(int(record.name) for record in found) == list(range(20))
    assert [record.id for record in found] == sorted(record.id for record in found)
    totals = await log.counted(store)
    assert sum(total.count for total in totals.values()) == 20


async def test_a_clock_that_goes_back_disturbs_nothing(telemetry: Telemetry) -> None:
    now = datetime.now(UTC)
    telemetry.record(tool("first", at=now))
    telemetry.record(tool("second", at=now - timedelta(days=2), duration_ms=-5))
    telemetry.record(tool("third", at=now, duration_ms=float("nan")))
    await telemetry.flush()
    records = (await telemetry.query()).records
    assert [record.name for record in records] == ["third", "second", "first"]
    assert [record.duration_ms for record in records] == [0, 0, 0]


async def test_what_no_database_takes_is_recorded_all_the_same(telemetry: Telemetry) -> None:
    hostile = {
        "nul": "a\0b",
        "half": "\ud800",
        "bytes": b"\xff" * 10,
        "object": object(),
        "infinite": float("inf"),
        "huge": 10**5000,
        "set": {1, 2},
        7: "number",
        "long": "x" * 1_000_000,
    }
    cycle: dict[str, object] = {}
    cycle["self"] = cycle
    telemetry.record(tool("n\0me\udfff" + "x" * 1000, client="c" * 1000, arguments=hostile))
    telemetry.record(tool(arguments=cycle, bytes_in=2**80, bytes_out=-1))
    await telemetry.flush()
    second, first = (await telemetry.query()).records
    assert len(first.name) == 200
    assert len(first.arguments or "") < 1000
    assert (second.bytes_in, second.bytes_out) == (2**62, 0)
