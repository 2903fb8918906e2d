"""Machines that are ready before they are needed."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.conftest import Footprint

from agentos import (
    AgentOs,
    IsolationUnavailable,
    LimitExceeded,
    Limits,
    MachineError,
    MachinePool,
    Mount,
    NetworkPolicy,
)
from agentos.machine.isolation import namespace


async def until(holds: Callable[[], bool]) -> None:
    while not holds():
        await asyncio.sleep(0.005)


@pytest.fixture
def broken_launcher(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[], None]:
    """Return what takes the launcher away, until the test undoes it with `monkeypatch.undo`."""
    return lambda: monkeypatch.setattr(namespace, "LAUNCHER", tmp_path / "missing")


async def test_machines_are_ready_and_each_is_handed_out_once() -> None:
    async with MachinePool(2) as pool:
        assert pool.ready == 2
        async with await pool.take() as one, await pool.take() as other:
            assert pool.ready == 0
            await one.write_file("note", "mine")
            assert not await other.exists("note")
            assert (await other.exec("echo hi")).stdout == "hi\n"
        assert one.closed
        assert other.closed


async def test_what_was_taken_is_replaced() -> None:
    async with MachinePool(3) as pool:
        for _ in range(3):
            await (await pool.take()).close()
        await until(lambda: pool.ready == 3)
        async with await pool.take() as vm:
            assert await vm.listdir(".") == []


async def test_more_than_are_ready_can_be_taken() -> None:
    async with MachinePool(1) as pool:
        vms = await asyncio.gather(*(pool.take() for _ in range(5)))
        outputs = await asyncio.gather(*(vm.exec("echo hi") for vm in vms))
        assert [output.stdout for output in outputs] == ["hi\n"] * 5
        assert len({vm.channel.init_pid for vm in vms}) == 5
        for vm in vms:
            await vm.close()


async def test_settings_come_from_the_pool_and_from_the_taker(tmp_path: Path) -> None:
    (tmp_path / "note").write_text("from the host")
    pools = {"COLOUR": "blue", "SHAPE": "round"}
    async with MachinePool(
        1, env=pools, name="workbench", mounts=[Mount.secret("/run/key", b"sesame")]
    ) as pool:
        async with await pool.take(
            env={"COLOUR": "red"}, mounts=[Mount.host(tmp_path, "/data")]
        ) as vm:
            shown = await vm.exec("hostname; echo $COLOUR $SHAPE; cat /run/key; cat /data/note")
            assert shown.stdout == "workbench\nred round\nsesamefrom the host"
        async with await pool.take() as vm:
            assert (await vm.exec("echo $COLOUR; ls /data")).stdout == "blue\n"


async def test_network_is_that_of_the_pool_unless_the_taker_has_another() -> None:
    async with MachinePool(2, network=NetworkPolicy(allow=["one.example"])) as pool:
        async with await pool.take() as vm:
            assert (await vm.exec("getent hosts one.example")).exit_code == 0
        async with await pool.take(network=NetworkPolicy(allow=["two.example"])) as vm:
            assert (await vm.exec("getent hosts two.example")).exit_code == 0
            assert (await vm.exec("getent hosts one.example")).exit_code != 0


async def test_network_can_be_given_to_a_machine_that_had_none() -> None:
    async with (
        MachinePool(1) as pool,
        await pool.take(network=NetworkPolicy(allow=["one.example"])) as vm,
    ):
        assert (await vm.exec("getent hosts one.example")).exit_code == 0


async def test_pool_of_a_snapshot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENTOS_DATA_DIR", str(tmp_path / "data"))
    async with AgentOs() as vm:
        await vm.write_file("prepared", "yes")
        snapshot = await vm.snapshot("base")
    async with MachinePool(1, image=snapshot) as pool, await pool.take() as vm:
        assert await vm.read_text("prepared") == "yes"


async def test_wall_time_begins_when_a_machine_is_taken() -> None:
    limits = Limits(wall_time=0.1)
    async with MachinePool(1, limits=limits) as pool:
        async with AgentOs(limits=limits) as younger:
            await until(lambda: younger.closed)
        assert pool.ready == 1
        async with await pool.take() as vm:
            await until(lambda: vm.closed)
            with pytest.raises(LimitExceeded) as caught:
                await vm.exec("true")
            assert caught.value.limit == "wall_time"


async def test_machine_that_died_in_the_pool_is_not_handed_out() -> None:
    async with MachinePool(2) as pool:
        for vm in pool._ready:
            assert vm.channel.init_pid is not None
            os.kill(vm.channel.init_pid, signal.SIGKILL)
        await until(lambda: pool.ready == 0)
        async with await pool.take() as vm:
            assert (await vm.exec("echo hi")).stdout == "hi\n"
        await until(lambda: pool.ready == 2)


async def test_failed_refill_is_told_to_the_next_take_that_needs_it(
    broken_launcher: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with MachinePool(2) as pool:
        broken_launcher()
        first = await pool.take()
        await until(lambda: pool._failure is not None)
        second = await pool.take()
        monkeypatch.undo()
        with pytest.raises(IsolationUnavailable, match="launcher is missing"):
            await pool.take()
        third = await pool.take()
        await until(lambda: pool.ready == 2)
        for vm in (first, second, third):
            assert (await vm.exec("echo hi")).stdout == "hi\n"
            await vm.close()


async def test_entering_fails_as_making_a_machine_does(
    broken_launcher: Callable[[], None],
) -> None:
    broken_launcher()
    with pytest.raises(IsolationUnavailable):
        async with MachinePool(2):
            pytest.fail("entered")
    with pytest.raises(MachineError):
        async with MachinePool(2, image="no-such-image"):
            pytest.fail("entered")


async def test_mount_that_cannot_be_had_leaves_no_machine(tmp_path: Path) -> None:
    before = Footprint.now()
    async with MachinePool(1) as pool:
        with pytest.raises(FileNotFoundError):
            await pool.take(mounts=[Mount.host(tmp_path / "missing", "/data")])
    assert Footprint.now().grown_since(before) == []


async def test_cancelled_takes_lose_no_machine(tmp_path: Path) -> None:
    before = Footprint.now()
    async with MachinePool(2) as pool:
        for steps in range(12):  # wherever it stands when it is cancelled
            mounts = [Mount.host(tmp_path, "/data")]
            policy = NetworkPolicy(allow=["one.example"])
            taking = [
                asyncio.create_task(pool.take(mounts=mounts, network=policy)) for _ in range(3)
            ]
            for _ in range(steps):
                await asyncio.sleep(0)
            for task in taking:
                task.cancel()
            ends = await asyncio.gather(*taking, return_exceptions=True)
            assert all(isinstance(end, AgentOs | asyncio.CancelledError) for end in ends)
            for vm in ends:
                if isinstance(vm, AgentOs):
                    await vm.close()
        await until(lambda: pool.ready == 2)
    assert Footprint.now().grown_since(before) == []


async def test_taken_machines_outlive_the_pool_and_ready_ones_do_not() -> None:
    async with MachinePool(2) as pool:
        vm = await pool.take()
        (left,) = pool._ready
    assert left.closed
    assert (await vm.exec("echo hi")).stdout == "hi\n"
    await vm.close()


async def test_closing_while_machines_are_made_leaves_nothing() -> None:
    before = Footprint.now()
    for steps in range(0, 40, 4):
        async with MachinePool(2) as pool:
            await (await pool.take()).close()
            await asyncio.sleep(0.02)
            for _ in range(steps):
                await asyncio.sleep(0)
            await asyncio.gather(pool.close(), pool.close())
            assert pool.ready == 0
    assert Footprint.now().grown_since(before) == []


async def test_cancelled_entering_leaves_nothing() -> None:
    before = Footprint.now()
    for steps in range(0, 40, 4):
        entering = asyncio.create_task(MachinePool(8).__aenter__())
        for _ in range(steps):
            await asyncio.sleep(0)
        entering.cancel()
        with pytest.raises(asyncio.CancelledError):
            await entering
    assert Footprint.now().grown_since(before) == []


async def test_error_of_the_block_comes_out_as_it_is() -> None:
    with pytest.raises(ZeroDivisionError):
        async with MachinePool(1):
            raise ZeroDivisionError


async def test_take_from_a_pool_that_is_not_open() -> None:
    pool = MachinePool(1)
    with pytest.raises(RuntimeError, match="async with"):
        await pool.take()
    async with pool:
        pass
    with pytest.raises(MachineError) as caught:
        await pool.take()
    assert caught.value.code == "pool_closed"
    with pytest.raises(ValueError, match="at least one"):
        MachinePool(0)
