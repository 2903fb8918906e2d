"""Warnings at 80 %, and what `stats()` tells."""

from __future__ import annotations

import asyncio

import pytest

from agentos.errors import MachineError
from agentos.machine.limits.alarms import Level
from agentos.machine.limits.limits import Limits, LimitWarning
from agentos.machine.machine import AgentOs

MIB = 2**20


async def first(warned: list[LimitWarning]) -> LimitWarning:
    while not warned:
        await asyncio.sleep(0.01)
    return warned[0]


def test_it_warns_at_80_percent_once_and_again_after_50() -> None:
    warned: list[LimitWarning] = []
    course = [10, 79, 80, 95, 100, 60, 90, 49, 79, 85, 99]
    level = Level("disk", iter(course).__next__, 100, warned.append)
    seen = []
    for _ in course:
        level.look()
        seen.append(len(warned))
    assert seen == [0, 0, 1, 1, 1, 1, 1, 1, 1, 2, 2]
    assert (warned[0].limit, warned[0].used, warned[0].bound) == ("disk", 80, 100)
    assert warned[0].message == "disk: 80 of 100 are used"


async def test_a_warning_for_memory() -> None:
    warned: list[LimitWarning] = []
    async with AgentOs(limits=Limits(memory="64M"), on_warning=warned.append) as vm:
        hold = "held = bytearray(50 << 20); print('held', flush=True); input()"
        async with await vm.spawn(["python3", "-c", hold]) as process:
            assert process.stdout is not None
            assert await process.stdout.readline() == b"held\n"
            warning = await first(warned)
            assert warning.limit == "memory"
            assert 0.8 * warning.bound <= warning.used <= warning.bound == 64 * MIB
            assert (await vm.stats()).memory >= 50 * MIB


async def test_a_warning_for_processes() -> None:
    warned: list[LimitWarning] = []
    async with AgentOs(limits=Limits(pids=10), on_warning=warned.append) as vm:
        sleepers = [await vm.spawn(["sleep", "1000"]) for _ in range(8)]
        warning = await first(warned)
        assert (warning.limit, warning.used, warning.bound) == ("pids", 8, 10)
        for sleeper in sleepers:
            sleeper.close()


async def test_a_warning_for_files() -> None:
    warned: list[LimitWarning] = []
    async with AgentOs(limits=Limits(disk="1M"), on_warning=warned.append) as vm:
        await vm.write_file("most", b"x" * 900_000)
        warning = await first(warned)
        assert (warning.limit, warning.bound) == ("disk", MIB)
        assert 900_000 <= warning.used <= MIB


async def test_a_callback_that_fails_does_not_end_the_watch() -> None:
    seen: list[LimitWarning] = []
    failures: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))

    def refuse(warning: LimitWarning) -> None:
        seen.append(warning)
        raise KeyError("x")

    async with AgentOs(limits=Limits(disk="1M", pids=5), on_warning=refuse) as vm:
        await vm.write_file("most", b"x" * 900_000)
        await first(seen)
        sleepers = [await vm.spawn(["sleep", "1000"]) for _ in range(4)]
        while {warning.limit for warning in seen} != {"disk", "pids"}:
            await asyncio.sleep(0.01)
        for sleeper in sleepers:
            sleeper.close()
    assert [type(failure["exception"]) for failure in failures] == [KeyError] * 2


async def test_stats_without_limits(vm: AgentOs) -> None:
    before = await vm.stats()
    assert before.enforced == {
        "memory": "none",
        "cpus": "none",
        "pids": "none",
        "disk": "tmpfs",
        "open_files": "none",
        "wall_time": "none",
    }
    await vm.write_file("file", b"x" * MIB)
    hold = "held = bytearray(20 << 20); print(sum(range(2_000_000)), flush=True); input()"
    async with await vm.spawn(["python3", "-c", hold]) as process:
        assert process.stdout is not None
        await process.stdout.readline()
        during = await vm.stats()
        assert during.pids == before.pids + 1
        assert during.disk == before.disk + MIB
        assert 21 * MIB <= during.memory <= 40 * MIB
        assert during.memory_peak >= during.memory
        assert during.cpu_time > before.cpu_time
    while (await vm.stats()).pids:
        await asyncio.sleep(0)
    assert (await vm.stats()).cpu_time >= during.cpu_time  # of what ran, too


async def test_stats_with_limits() -> None:
    limits = Limits(memory="64M", pids=20, disk="2M", open_files=64, wall_time=1000)
    async with AgentOs(limits=limits) as vm:
        stats = await vm.stats()
        assert stats.disk_limit == 2 * MIB
        assert stats.enforced["memory"] in ("cgroup v1", "cgroup v2", "watchdog")
        assert stats.enforced["pids"] in ("cgroup v1", "cgroup v2", "rlimit")
        assert stats.enforced["cpus"] == "none"
        assert (stats.enforced["disk"], stats.enforced["open_files"]) == ("tmpfs", "rlimit")
        assert stats.enforced["wall_time"] == "timer"
        assert stats.memory < 8 * MIB
        assert stats.pids == 0


async def test_stats_before_and_after() -> None:
    vm = AgentOs(limits=Limits(pids=10))
    with pytest.raises(RuntimeError, match="async with AgentOs"):
        await vm.stats()
    async with vm:
        pass
    with pytest.raises(MachineError) as caught:
        await vm.stats()
    assert caught.value.code == "machine_ended"


async def test_a_fork_has_the_same_limits_and_no_more_room() -> None:
    async with AgentOs(limits=Limits(memory="64M", pids=10, disk="2M", open_files=50)) as vm:
        await vm.write_file("below", b"x" * MIB)
        (child,) = await vm.fork()
        try:
            for machine in (vm, child):
                stats = await machine.stats()
                assert stats.disk_limit == 2 * MIB
                assert MIB <= stats.disk <= 2 * MIB
                with pytest.raises(OSError, match="No space left"):
                    await machine.write_file("more", b"x" * (MIB + 8192))
                assert (await machine.exec("ulimit -n")).stdout == "50\n"
            sleepers = [await child.spawn(["sleep", "1000"]) for _ in range(10)]
            assert (await vm.exec("true & wait")).exit_code == 0
            for sleeper in sleepers:
                sleeper.close()
        finally:
            await child.close()


async def test_a_fork_keeps_the_time_that_is_left() -> None:
    vm = await AgentOs.create(limits=Limits(wall_time=0.5))
    (child,) = await vm.fork()
    await child.close()
    with pytest.raises(MachineError) as caught:
        await vm.exec(["sleep", "1000"])
    assert caught.value.limit == "wall_time"  # type: ignore[attr-defined]
    await vm.close()
