"""Decisions about the network in the store, and `agentos net log`."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agentos import AgentOs, NetworkPolicy
from agentos.machine.network import Connection, decision_log
from agentos.machine.network.decision_log import DecisionLog, StoredDecision, stored_decisions
from agentos.store import Store


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    place = f"sqlite:///{tmp_path}/agentos.db"
    monkeypatch.setenv("AGENTOS_STORE_URL", place)
    return place


def python(*words: str) -> str:
    ran = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def agentos(*words: str) -> str:
    return python("-m", "agentos", *words)


async def stored(url: str, **only: object) -> list[StoredDecision]:
    store = await Store.open(url)
    try:
        return await stored_decisions(store, **only)  # type: ignore[arg-type]
    finally:
        await store.close()


def denied(name: str, at: datetime | None = None) -> Connection:
    now = datetime.now(UTC)
    return Connection(name, 443, verdict="denied", reason="no", at=at or now, ended=now)


async def test_what_a_machine_was_refused_is_in_the_store_when_it_is_closed(url: str) -> None:
    async with AgentOs(name="tester", network=NetworkPolicy(allow=["api.example.com"])) as vm:
        await vm.exec("getent hosts other.example; getent hosts api.example.com")
    [decision] = await stored(url)
    assert decision.machine_name == "tester"
    assert (decision.record.name, decision.record.verdict) == ("other.example", "denied")

    assert "denied   other.example" in agentos("net", "log", "--denied", "--machine", "tester")
    rows = agentos("net", "log", "--json").splitlines()
    assert [json.loads(row)["name"] for row in rows] == ["other.example"]


async def test_a_machine_without_network_activity_imports_no_database(url: str) -> None:
    script = (
        "import asyncio, sys, agentos\n"
        "async def main():\n"
        "    policy = agentos.NetworkPolicy(allow=['api.example.com'])\n"
        "    async with agentos.AgentOs(network=policy) as vm: await vm.exec('true')\n"
        "asyncio.run(main())\n"
        "sys.exit('sqlalchemy' in sys.modules)"
    )
    await asyncio.to_thread(python, "-c", script)


async def test_a_connection_is_a_row_while_it_lasts_and_is_completed(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decision_log, "DELAY", 0.01)
    log = DecisionLog("m")
    record = Connection("api.example.com", 443, address="203.0.113.1", rule="*")
    log.note(record)
    async with asyncio.timeout(20):
        while not (found := await stored(url)):
            await asyncio.sleep(0.01)
    assert found[0].record.ended is None
    record.carried_out(5)
    record.carried_in(2**40)
    record.ended = datetime.now(UTC)
    log.note(record)
    await log.close()
    [decision] = await stored(url)
    assert decision.record == record
    assert decision.machine == log.machine


async def test_many_decisions_all_arrive(url: str) -> None:
    log = DecisionLog("m")
    for number in range(5000):
        log.note(denied(f"n{number}.example"))
        if number % 500 == 0:
            await asyncio.sleep(0)
    await log.close()
    found = await stored(url, last=6000)
    assert [decision.record.name for decision in found] == [f"n{n}.example" for n in range(5000)]


async def test_records_that_end_while_they_are_written_are_complete(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decision_log, "DELAY", 0.0)
    told: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    log = DecisionLog("m")

    async def connection(number: int) -> None:
        record = Connection(f"n{number}.example", 443)
        log.note(record)
        for _ in range(number * 37 % 300):
            await asyncio.sleep(0)
        record.carried_out(number)
        record.ended = datetime.now(UTC)
        log.note(record)

    for start in range(0, 600, 100):
        await asyncio.gather(*map(connection, range(start, start + 100)))
    await log.close()
    found = await stored(url, last=1000)
    assert told == []
    assert {d.record.name: d.record.bytes_out for d in found} == {
        f"n{number}.example": number for number in range(600)
    }
    assert all(decision.record.ended for decision in found)


async def test_a_log_that_was_closed_goes_on_when_it_is_used_again(url: str) -> None:
    log = DecisionLog("m")
    for name in ("a.example", "b.example"):
        log.note(denied(name))
        await log.close()
    await log.close()
    assert [d.record.name for d in await stored(url)] == ["a.example", "b.example"]


async def test_the_log_is_read_by_machine_verdict_and_number(url: str) -> None:
    one, other = DecisionLog("one"), DecisionLog("other")
    for log, name in ((one, "a.example"), (other, "b.example"), (one, "c.example")):
        log.note(denied(name))
        await asyncio.sleep(0.001)
    other.note(Connection("d.example", 80, ended=datetime.now(UTC)))
    await one.close()
    await other.close()

    async def names(**only: object) -> list[str]:
        return [decision.record.name for decision in await stored(url, **only)]

    assert await names() == ["a.example", "b.example", "c.example", "d.example"]
    assert await names(machine="one") == ["a.example", "c.example"]
    assert await names(machine=other.machine[:8]) == ["b.example", "d.example"]
    assert await names(machine="%") == []
    assert await names(verdict="denied", last=2) == ["b.example", "c.example"]


async def test_old_decisions_are_forgotten(url: str) -> None:
    for name, age in (("old.example", 31), ("new.example", 29)):
        log = DecisionLog("m")
        log.note(denied(name, datetime.now(UTC) - timedelta(days=age)))
        await log.close()
    log = DecisionLog("m")
    log.note(denied("now.example"))
    await log.close()
    assert [d.record.name for d in await stored(url)] == ["new.example", "now.example"]


async def test_a_store_that_cannot_be_written_is_told_of_and_tried_again(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decision_log, "DELAY", 0.01)
    told: list[str] = []
    heard = asyncio.Event()

    def hear(_: object, context: dict[str, object]) -> None:
        told.append(str(context["message"]))
        heard.set()

    asyncio.get_running_loop().set_exception_handler(hear)
    (tmp_path / "agentos.db").mkdir()
    log = DecisionLog("m")
    log.note(denied("a.example"))
    async with asyncio.timeout(20):
        await heard.wait()
    assert "network decisions wait to be stored" in told[0]
    (tmp_path / "agentos.db").rmdir()
    await log.close()
    assert [d.record.name for d in await stored(url)] == ["a.example"]
