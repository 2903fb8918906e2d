"""Reading on: what is new and no more, by threads and processes, whatever stops them."""

from __future__ import annotations

import asyncio
import math
import os
import signal
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import insert
from tests.conftest import Footprint, children_of
from tests.usage import codex_lines as lines

from agentos.errors import AgentOsError, StoreError
from agentos.store import Store
from agentos.store.tables import MODEL_CALLS
from agentos.usage.call import Source
from agentos.usage.homes import UsageHome
from agentos.usage.ingest import _Work
from agentos.usage.ledger import Ledger
from agentos.usage.prices import CONTEXT_STEPS, Tokens
from agentos.usage.reading import readers, work
from agentos.usage.reading.job import Piece
from agentos.usage.reading.work import zstd
from agentos.usage.selection import Selection


def fill(home: UsageHome, threads: int, calls: int = 3) -> None:
    for thread in range(threads):
        data = lines.meta(f"t{thread}") + lines.context()
        for call in range(calls):
            data += lines.record(f"r{thread}-{call}", (100, 0, 0, 10, 0), thread=f"t{thread}")
        (home.path / "sessions" / f"rollout-{thread}.jsonl").write_bytes(data)


async def test_only_what_grew_is_read(ledger: Ledger, codex: UsageHome) -> None:
    fill(codex, 3)
    await ledger.ingest([codex])
    more = lines.record("more", (100, 0, 0, 10, 0), thread="t1")
    with (codex.path / "sessions" / "rollout-1.jsonl").open("ab") as file:
        file.write(more)
    report = await ledger.ingest([codex])
    assert (report.files, report.bytes, report.calls) == (1, len(more), 1)


async def test_a_moved_file_is_followed(ledger: Ledger, codex: UsageHome) -> None:
    fill(codex, 1)
    await ledger.ingest([codex])
    (codex.path / "archived_sessions").mkdir()
    old = codex.path / "sessions" / "rollout-0.jsonl"
    old.rename(codex.path / "archived_sessions" / old.name)
    report = await ledger.ingest([codex])
    assert report.calls == 0
    files = {call.provenance.file for _, call in await ledger.calls()}
    assert files == {str(codex.path / "archived_sessions" / old.name)}


async def test_another_file_in_the_place_of_a_deleted_one(ledger: Ledger, codex: UsageHome) -> None:
    fill(codex, 1)
    await ledger.ingest([codex])
    old = codex.path / "sessions" / "rollout-0.jsonl"
    new = old.with_name("rollout-other.jsonl")
    old.rename(new)  # the same inode, as a new file soon has that of a deleted one
    new.write_bytes(lines.meta("other") + lines.record("x", (7, 0, 0, 1, 0), thread="other"))
    await ledger.ingest([codex])
    files = {call.response_id: call.provenance.file for _, call in await ledger.calls()}
    assert files["x"] == str(new)
    assert files["r0-0"] == str(old)


async def test_processes_read_as_a_thread_does(
    ledger: Ledger, codex: UsageHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(codex, 20)
    monkeypatch.setattr(readers, "MUCH", 0)
    before = Footprint.now()
    report = await ledger.ingest([codex])
    assert (report.files, report.calls, report.problems) == (20, 60, [])
    assert (await ledger.totals())[0].tokens == Tokens(input=6000, output=600)
    assert not [grown for grown in Footprint.now().grown_since(before) if "child" in grown]


async def test_a_process_that_dies_is_told_and_loses_nothing(
    ledger: Ledger, codex: UsageHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(codex, 4)
    monkeypatch.setattr(readers, "MUCH", 0)
    blocked = codex.path / "sessions" / "rollout-0.jsonl"
    real = blocked.read_bytes()
    blocked.write_bytes(real * 20_000)  # long enough to be killed in
    known = set(children_of(os.getpid()))
    reading = asyncio.create_task(ledger.ingest([codex]))
    while not (fresh := set(children_of(os.getpid())) - known):
        await asyncio.sleep(0.001)
    os.kill(fresh.pop(), signal.SIGKILL)
    with pytest.raises(AgentOsError, match="ended with status -9"):
        await reading
    report = await ledger.ingest([codex])
    assert not report.problems
    assert (await ledger.totals())[0].tokens == Tokens(input=1200, output=120)


@pytest.mark.parametrize("much", [0, 1 << 30])
async def test_cancelling_leaves_nothing_and_loses_nothing(
    ledger: Ledger, codex: UsageHome, monkeypatch: pytest.MonkeyPatch, much: int
) -> None:
    fill(codex, 50)
    monkeypatch.setattr(readers, "MUCH", much)
    known = set(children_of(os.getpid()))
    for patience in (0.0, 0.01, 0.05):
        reading = asyncio.create_task(ledger.ingest([codex]))
        await asyncio.wait((reading,), timeout=patience)
        reading.cancel()
        await asyncio.wait((reading,))
        assert reading.cancelled() or reading.exception() is None
    assert set(children_of(os.getpid())) <= known
    await ledger.ingest([codex])
    assert (await ledger.totals())[0].calls == 150


async def test_cancelling_waits_for_no_packed_gigabytes(
    ledger: Ledger, codex: UsageHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(codex, 1)
    with (codex.path / "sessions" / "rollout-packed.jsonl.zst").open("wb") as file:
        packed = zstd.compress(b"{" + b" " * (64 << 20))
        file.write(packed * 4000)  # 250 GB: minutes
    begun = asyncio.Event()
    signal_begun = partial(asyncio.get_running_loop().call_soon_threadsafe, begun.set)

    def told(*args: Any) -> Any:
        signal_begun()
        return zstd.ZstdFile(*args)

    monkeypatch.setattr(work, "zstd", SimpleNamespace(ZstdFile=told, ZstdError=zstd.ZstdError))
    reading = asyncio.create_task(ledger.ingest([codex]))
    await begun.wait()
    reading.cancel()
    await asyncio.wait((reading,))
    assert reading.cancelled()


@pytest.mark.parametrize("much", [0, 1 << 30])
async def test_who_is_stopped_in_the_middle_of_a_file_reads_the_rest_later(
    ledger: Ledger, codex: UsageHome, monkeypatch: pytest.MonkeyPatch, much: int
) -> None:
    monkeypatch.setattr(readers, "MUCH", much)
    monkeypatch.setattr(readers, "_CALLS", 1)  # at a time, and so each piece by itself
    fill(codex, 1, 6000)
    deliver = _Work.deliver

    async def once(done: _Work, pieces: list[Piece]) -> None:
        await deliver(done, pieces)
        raise StoreError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(_Work, "deliver", once)
        with pytest.raises(StoreError):
            await ledger.ingest([codex])
    assert 0 < (await ledger.totals())[0].calls < 6000
    await ledger.ingest([codex])
    assert (await ledger.totals())[0].calls == 6000
    assert (await ledger.ingest([codex])).files == 0


async def test_two_who_read_at_once_count_once(url: str, codex: UsageHome) -> None:
    fill(codex, 30)
    stores = [await Store.open(url) for _ in range(3)]
    try:
        await asyncio.gather(*(Ledger(store).ingest([codex]) for store in stores))
        [total] = await Ledger(stores[0]).totals()
        calls = await Ledger(stores[0]).calls()
    finally:
        for store in stores:
            await store.close()
    assert (total.calls, total.tokens.input) == (90, 9000)
    assert len(calls) == 90


async def test_a_file_that_can_be_read_again_is_no_problem_any_more(
    ledger: Ledger, codex: UsageHome
) -> None:
    file = codex.path / "sessions" / "rollout-0.jsonl"
    file.write_bytes(lines.meta("t0") + b"oops\n" + lines.record("r", (100, 0, 0, 10, 0)))
    await ledger.ingest([codex])
    assert len((await ledger.explain()).problems) == 1
    fill(codex, 1)
    await ledger.ingest([codex])
    assert (await ledger.explain()).problems == []


def gateway_row(**more: object) -> dict[str, object]:
    words = "key_id machine session thread turn profile client path model_asked model_served"
    return {
        **dict.fromkeys(words.split(), ""),
        "at": datetime(2026, 11, 21, 10, tzinfo=UTC),
        "source": "gateway",
        "kind": "turn",
        "provider": "openai",
        "model_sent": "gpt-5.5",
        "response_id": "",
        "status": 200,
        "attempts": 1,
        "duration": 1.0,
        **more,
    }


async def test_the_gateways_calls_and_those_it_only_saw_begin(store: Store) -> None:
    rows = [
        gateway_row(response_id="resp_1", input=100, cached_input=40, output=5, price=0.5),
        gateway_row(kind="title", input=10, output=1),
        gateway_row(status=499),
        gateway_row(status=429),
        gateway_row(status=402),
    ]
    async with store.writing() as connection:
        for row in rows:
            await connection.execute(insert(MODEL_CALLS).values(row))
    ledger = Ledger(store)
    for _ in range(2):
        await ledger.ingest([])
        [total] = await ledger.totals()
        assert (total.calls, total.unmetered) == (3, 1)
        assert total.tokens == Tokens(110, cached_input=40, output=6)
        assert total.price == 0.5
    kinds = [call.kind for _, call in await ledger.calls()]
    assert sorted(kinds) == ["title", "turn", "turn"]


async def test_what_a_provider_tells_that_no_call_can_use(store: Store) -> None:
    async with store.writing() as connection:
        for told in (
            {"input": 2**31 - 1, "price": 1.0},
            {"input": 100, "cached_input": 300, "output": 5, "reasoning": 9, "price": math.inf},
        ):
            row = {"cached_input": 0, "output": 0, "reasoning": 0, **told}
            await connection.execute(insert(MODEL_CALLS).values(gateway_row(**row)))
    ledger = Ledger(store)
    await ledger.ingest([])
    [total] = await ledger.totals()
    assert (total.calls, total.unmetered, total.price) == (2, 1, 1.0)
    assert total.tokens == Tokens(100, cached_input=100, output=5, reasoning=5)


@pytest.mark.parametrize("first", ["gateway", "rollout"])
async def test_what_both_tell_is_put_together(store: Store, codex: UsageHome, first: str) -> None:
    async def by_gateway() -> None:
        row = gateway_row(
            response_id="r0-0", session="mine", profile="dev", client="codex_cli_rs", output=10
        )
        async with store.writing() as connection:
            await connection.execute(insert(MODEL_CALLS).values({**row, "input": 100}))
        await ledger.ingest([])

    ledger = Ledger(store)
    fill(codex, 1, 1)
    if first == "gateway":
        await by_gateway()
    await ledger.ingest([codex])
    if first == "rollout":
        await by_gateway()
    [(_, call)] = await ledger.calls()
    assert (call.source, call.provenance.file) == (Source.GATEWAY, "gateway")
    assert (call.session, call.profile, call.project) == ("mine", "dev", "/work")
    assert call.tokens == Tokens(input=100, output=10)
    [total] = await ledger.totals(["session", "project", "source"])
    assert (total.key, total.calls) == (("mine", "/work", "gateway"), 1)


async def test_a_call_whose_end_the_gateway_did_not_see_has_the_rollouts_tokens(
    store: Store, codex: UsageHome
) -> None:
    async with store.writing() as connection:
        row = gateway_row(response_id="r0-0", status=499)
        await connection.execute(insert(MODEL_CALLS).values(row))
    fill(codex, 1, 1)
    ledger = Ledger(store)
    await ledger.ingest([codex])
    [total] = await ledger.totals()
    assert (total.calls, total.unmetered, total.tokens.input) == (1, 0, 100)


async def test_sums_equal_the_calls_in_every_way_to_divide_them(
    ledger: Ledger, codex: UsageHome, tmp_path: Path
) -> None:
    data = lines.meta("t")
    for number in range(40):
        at = f"2026-11-{1 + number % 28:02d}T{number % 24:02d}:{number % 60:02d}:00Z"
        used = (number * 10_000, number, 0, number, 0)
        data += lines.context(model=f"m{number % 3}") + lines.record(f"r{number}", used, at=at)
    (codex.path / "sessions" / "rollout-t.jsonl").write_bytes(data)
    await ledger.ingest([codex])
    [whole] = await ledger.totals()
    for by in ("quarter", "model", "session", "context", "project", "tier"):
        parts = await ledger.totals([by])
        assert sum(part.tokens.input for part in parts) == whole.tokens.input
        assert sum(part.calls for part in parts) == whole.calls == 40
    early = Selection(until=datetime(2026, 11, 10, tzinfo=UTC), models=("m1",))
    [sums] = await ledger.totals((), early)
    ones = [call for _, call in await ledger.calls(early)]
    assert sums.calls == len(ones)
    assert sums.tokens.input == sum(call.tokens.input for call in ones if call.tokens)
    assert {total.key[0] for total in await ledger.totals(["context"])} == {
        0,
        *CONTEXT_STEPS,
    }
