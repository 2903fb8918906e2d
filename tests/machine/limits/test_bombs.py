"""Bombs of every kind stay in their machine, and all others go on."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from agentos.errors import IsolationUnavailable, LimitExceeded
from agentos.machine.limits.limits import Limits, LimitWarning
from agentos.machine.machine import AgentOs

MIB = 2**20
MEMORY_BOMB = ["python3", "-c", "held = [bytearray(4 << 20) for _ in range(10_000)]"]
FORK_BOMB = """
import os, time
while True:
    try:
        os.fork()
    except OSError:
        time.sleep(0.01)
"""
DISK_FILLER = "while :; do head -c 1M /dev/zero >> filler; done"
BUSY_LOOP = "while :; do :; done"
WORK = "i=0; while [ $i -lt 2000 ]; do i=$((i+1)); done; echo $i > done; cat done"


async def work(machines: list[AgentOs]) -> None:
    """Have each machine start a program, compute, write and read."""
    done = await asyncio.gather(*(vm.exec(WORK, check=True) for vm in machines))
    assert [result.stdout for result in done] == ["2000\n"] * len(machines)


async def test_a_memory_bomb() -> None:
    async with AgentOs(limits=Limits(memory="48M")) as vm:
        with pytest.raises(LimitExceeded) as caught:
            await vm.exec(MEMORY_BOMB)
        assert caught.value.limit == "memory"
        assert caught.value.hint == "raise Limits(memory=...)"
        assert (await vm.exec("echo still here")).stdout == "still here\n"


async def test_what_a_killed_command_wrote_is_kept() -> None:
    async with AgentOs(limits=Limits(memory="48M")) as vm:
        bomb = "print('before', flush=True); bytearray(400 << 20)"
        with pytest.raises(LimitExceeded) as caught:
            await vm.exec(["python3", "-c", bomb])
        assert caught.value.stdout == b"before\n"


async def test_a_command_that_fails_by_itself_blames_no_limit() -> None:
    async with AgentOs(limits=Limits(memory="48M", pids=16)) as vm:
        assert (await vm.exec("exit 3")).exit_code == 3
        with pytest.raises(LimitExceeded):
            await vm.exec(MEMORY_BOMB)
        assert (await vm.exec("exit 3")).exit_code == 3
        survived = await vm.exec("python3 -c 'bytearray(400 << 20)' || echo went on")
        assert survived.stdout == "went on\n"


async def test_a_fork_bomb() -> None:
    async with AgentOs(limits=Limits(pids=24)) as vm:
        with pytest.raises(LimitExceeded) as caught:
            await vm.exec("i=0; while [ $i -lt 100 ]; do sleep 1000 & i=$((i+1)); done")
        assert caught.value.limit == "pids"
        assert (await vm.stats()).pids <= 24
        for process in await vm.processes():
            await vm.signal(process.pid, 9)
        while (await vm.stats()).pids:
            await asyncio.sleep(0)
        assert (await vm.exec("echo still here")).stdout == "still here\n"


async def test_a_full_machine_starts_nothing_more_and_says_why() -> None:
    async with AgentOs(limits=Limits(pids=4)) as vm:
        sleepers = [await vm.spawn(["sleep", "1000"]) for _ in range(4)]
        with pytest.raises(LimitExceeded) as caught:
            await vm.exec("true")
        assert caught.value.limit == "pids"
        with pytest.raises(LimitExceeded):
            await vm.spawn(["true"])
        with pytest.raises(LimitExceeded):
            await vm.terminal()
        await sleepers[0].kill()
        await sleepers[0].wait()
        assert (await vm.exec("echo room")).stdout == "room\n"
        for sleeper in sleepers:
            sleeper.close()


async def test_threads_count_as_processes() -> None:
    async with AgentOs(limits=Limits(pids=12)) as vm:
        threads = "import threading\nfor _ in range(50): threading.Thread(target=input).start()"
        async with await vm.spawn(["python3", "-c", threads]) as process:
            assert process.stderr is not None
            shown = await process.stderr.readuntil(b"can't start new thread")
            assert b"threading.py" in shown
            assert (await vm.stats()).pids <= 12


async def test_a_disk_filler() -> None:
    async with AgentOs(limits=Limits(disk="1M")) as vm:
        filled = await vm.exec("head -c 5M /dev/zero > filler")
        assert "No space left on device" in filled.stderr
        assert (await vm.stat("filler")).size <= MIB
        with pytest.raises(OSError, match="No space left"):
            await vm.write_file("more", b"x" * 8192)
        await vm.remove("filler")
        await vm.write_file("more", b"x" * 8192)


async def test_empty_files_are_bounded_too() -> None:
    async with AgentOs(limits=Limits(disk="1M")) as vm:
        made = await vm.exec("i=0; while : > f$i; do i=$((i+1)); done; echo $i")
        assert "cannot create" in made.stderr
        made = await vm.exec("ls | wc -l; mkdir directory")
        assert "No space left on device" in made.stderr
        assert 500 < int(made.stdout) < 2000


async def test_the_disks_bound_covers_every_place_that_can_be_written() -> None:
    async with AgentOs(limits=Limits(disk="1M")) as vm:
        for place in ("/tmp", "/var/tmp", "/dev/shm"):
            filled = await vm.exec(f"head -c 5M /dev/zero > {place}/filler; rm {place}/filler")
            assert "No space left on device" in filled.stderr, place


async def test_descriptors() -> None:
    async with AgentOs(limits=Limits(open_files=20)) as vm:
        opening = "held = [open('/dev/null') for _ in range(100)]"
        failed = await vm.exec(["python3", "-c", opening])
        assert "Too many open files" in failed.stderr
        assert (await vm.exec("ulimit -n; ulimit -n 21")).stdout == "20\n"
        deep = "/".join(["d"] * 60)
        await vm.mkdir(deep, parents=True)
        await vm.remove("d", recursive=True)  # init's own descriptors are not bounded
        assert not await vm.exists("d")


async def test_the_end_of_its_time() -> None:
    async with AgentOs(limits=Limits(wall_time=0.3)) as vm:
        sleeper = await vm.spawn(["sleep", "1000"])
        with pytest.raises(LimitExceeded) as executed:
            await vm.exec(["sleep", "1000"])
        with pytest.raises(LimitExceeded) as waited:
            await sleeper.wait()
        with pytest.raises(LimitExceeded) as later:
            await vm.read_file("x")
        assert {c.value.limit for c in (executed, waited, later)} == {"wall_time"}
        assert vm.closed


async def test_others_go_on_while_four_machines_explode() -> None:
    warned: list[LimitWarning] = []
    async with contextlib.AsyncExitStack() as stack:

        async def machine(limits: Limits | None) -> AgentOs:
            vm = AgentOs(limits=limits, on_warning=warned.append if limits else None)
            return await stack.enter_async_context(vm)

        others = [await machine(None) for _ in range(20)]
        await work(others)
        memory = await machine(Limits(memory="48M"))
        forks = await machine(Limits(pids=40))
        disk = await machine(Limits(disk="8M"))
        try:
            cpus = await machine(Limits(cpus=0.1))
        except IsolationUnavailable:
            cpus = await machine(None)  # an ordinary user without control groups
        bombs = [
            await memory.spawn(["sh", "-c", 'while :; do "$@"; done', "sh", *MEMORY_BOMB]),
            await forks.spawn(["python3", "-c", FORK_BOMB]),
            await disk.spawn(DISK_FILLER, stderr="null"),
            await cpus.spawn(BUSY_LOOP),
        ]
        while (await forks.stats()).pids < 40 or (await disk.stats()).disk < 7 * MIB:
            await work(others[:2])
        while not {"memory", "disk", "pids"} <= {warning.limit for warning in warned}:
            await work(others[:2])
        while cpus.limits and not (await cpus.stats()).cpu_throttled:
            await work(others[:2])
        await work(others)
        assert (await forks.stats()).pids <= 40
        assert (await disk.stats()).disk <= 8 * MIB
        if (await memory.stats()).enforced["memory"] != "watchdog":
            assert (await memory.stats()).memory_peak <= 48 * MIB
        assert [bomb.exit_code for bomb in bombs] == [None] * 4
        for bomb in bombs:
            bomb.close()
