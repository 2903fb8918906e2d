"""Control groups are made for a machine, and nothing of them stays."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from agentos.errors import IsolationUnavailable, LimitExceeded
from agentos.machine.limits import choose
from agentos.machine.limits.cgroup import sweep
from agentos.machine.limits.hierarchies import Hierarchy
from agentos.machine.limits.limits import Limits
from agentos.machine.machine import AgentOs

GroupsOf = Callable[[int], set[Path]]
BOUNDED = Limits(memory="64M", pids=20)
SIX_TIMES_20_MB = """
import os, sys, time
for _ in range(6):
    if not os.fork():
        held = bytearray(20 << 20)
        time.sleep(1000)
sys.exit(bool(os.wait()[1]))
"""


def _has_groups() -> bool:
    try:
        made = choose.enforce(Limits(memory="64M", pids=20, cpus=1))
    except IsolationUnavailable:
        return False
    asyncio.run(made.remove())
    return made.ways["memory"].startswith("cgroup")


needs_groups = pytest.mark.skipif(not _has_groups(), reason="no control groups for this user")


@pytest.fixture
def no_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host without control groups."""
    monkeypatch.setattr(choose, "hierarchies", list[Hierarchy])


@needs_groups
async def test_groups_are_gone_after_close(groups_of: GroupsOf) -> None:
    async with AgentOs(limits=BOUNDED) as vm:
        assert groups_of(os.getpid())
        await vm.spawn(["sleep", "1000"], stdin="null", stdout="null", stderr="null")
    assert groups_of(os.getpid()) == set()


async def test_nothing_is_made_without_limits(vm: AgentOs, groups_of: GroupsOf) -> None:
    assert groups_of(os.getpid()) == set()
    assert (await vm.exec("true")).exit_code == 0


@needs_groups
async def test_groups_are_gone_after_a_start_that_failed(
    groups_of: GroupsOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agentos.machine.isolation.namespace.LAUNCHER", Path("/no/such/launcher"))
    with pytest.raises(IsolationUnavailable):
        await AgentOs.create(limits=BOUNDED)
    assert groups_of(os.getpid()) == set()


@needs_groups
async def test_groups_are_gone_after_starts_cancelled_at_every_point(groups_of: GroupsOf) -> None:
    for turns in range(30):
        task = asyncio.ensure_future(AgentOs.create(limits=BOUNDED, on_warning=print))
        for _ in range(turns):
            if task.done():
                break
            await asyncio.sleep(0)
        task.cancel()
        (ended,) = await asyncio.gather(task, return_exceptions=True)
        if isinstance(ended, AgentOs):
            await ended.close()
        else:
            assert isinstance(ended, asyncio.CancelledError)
    assert groups_of(os.getpid()) == set()


@needs_groups
async def test_groups_are_gone_after_the_end_of_its_time(groups_of: GroupsOf) -> None:
    async with AgentOs(limits=Limits(pids=20, wall_time=0.1)) as vm:
        with pytest.raises(LimitExceeded):
            await vm.exec(["sleep", "1000"])
    assert groups_of(os.getpid()) == set()


OWNER = """
import asyncio
from agentos import AgentOs, Limits

async def main():
    vm = await AgentOs.create(limits=Limits(memory="64M", pids=20))
    print(vm.channel.init_pid, flush=True)
    await asyncio.sleep(1000)

asyncio.run(main())
"""


def _start_owner() -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", OWNER], stdout=subprocess.PIPE, text=True)


@needs_groups
async def test_what_a_killed_owner_left_is_swept_by_the_next(groups_of: GroupsOf) -> None:
    owner = _start_owner()
    assert owner.stdout is not None
    init = os.pidfd_open(int(owner.stdout.readline()))
    left = groups_of(owner.pid)
    assert left
    async with AgentOs(limits=BOUNDED):
        assert groups_of(owner.pid) == left  # its owner lives
    owner.kill()
    owner.wait()
    owner.stdout.close()
    gone = asyncio.Event()
    asyncio.get_running_loop().add_reader(init, gone.set)
    await gone.wait()
    asyncio.get_running_loop().remove_reader(init)
    os.close(init)
    assert groups_of(owner.pid) == left
    while groups_of(owner.pid):
        async with AgentOs(limits=BOUNDED):
            pass


def test_a_sweep_takes_nothing_of_others(tmp_path: Path) -> None:
    namespace = os.stat("/proc/self/ns/pid").st_ino
    dead = subprocess.Popen(["true"])
    dead.wait()
    kept = ["other", "agentos-x-1-2-3", f"agentos-{namespace + 1}-{dead.pid}-1-1", "agentos-host"]
    for name in (*kept, f"agentos-{namespace}-{dead.pid}-1-1"):
        (tmp_path / name).mkdir()
    sweep(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(kept)


@needs_groups
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to make init the kernel's choice")
async def test_a_machine_whose_init_was_killed_says_why() -> None:
    async with AgentOs(limits=Limits(memory="48M")) as vm:
        bomb = await vm.spawn(["python3", "-c", f"input()\n{SIX_TIMES_20_MB}"])
        Path(f"/proc/{vm.channel.init_pid}/oom_score_adj").write_text("1000")
        assert bomb.stdin is not None
        bomb.stdin.write(b"go\n")
        with pytest.raises(LimitExceeded) as waited:
            await bomb.wait()
        with pytest.raises(LimitExceeded) as later:
            await vm.exec("true")
        assert {waited.value.limit, later.value.limit} == {"memory"}
        assert vm.closed


@needs_groups
async def test_a_busy_loop_gets_its_share() -> None:
    async with AgentOs(limits=Limits(cpus=0.1)) as vm:
        assert (await vm.stats()).enforced["cpus"].startswith("cgroup")
        async with await vm.spawn("while :; do :; done"):
            while not (await vm.stats()).cpu_throttled:
                await asyncio.sleep(0.01)
            assert (await vm.exec("echo still answers")).stdout == "still answers\n"


@pytest.mark.usefixtures("no_groups")
async def test_without_groups_a_share_of_cpu_is_refused_with_a_remedy() -> None:
    with pytest.raises(IsolationUnavailable) as caught:
        await AgentOs.create(limits=Limits(cpus=1))
    assert "Limits(cpus=)" in caught.value.message
    assert caught.value.code == "limit_unavailable"
    assert caught.value.hint is not None
    assert "systemd-run --user --scope -p Delegate=yes" in caught.value.hint


@pytest.mark.usefixtures("no_groups")
async def test_without_groups_on_an_old_kernel_processes_are_refused_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    old = os.uname_result(("Linux", "host", "5.13.19-generic", "#1", "x86_64"))
    monkeypatch.setattr(os, "uname", lambda: old)
    with pytest.raises(IsolationUnavailable, match=r"Limits\(pids=\)"):
        await AgentOs.create(limits=Limits(pids=10))


@pytest.mark.usefixtures("no_groups")
async def test_without_groups_a_watchdog_kills_what_holds_most() -> None:
    async with AgentOs(limits=Limits(memory="64M")) as vm:
        assert (await vm.stats()).enforced["memory"] == "watchdog"
        assert (await vm.stats()).disk_limit == 64 * 2**20  # files are memory, too
        small = await vm.spawn(["sleep", "1000"])
        with pytest.raises(LimitExceeded) as caught:
            await vm.exec(["python3", "-c", "held = bytearray(300 << 20); input()"])
        assert caught.value.limit == "memory"
        assert (await vm.stats()).memory_peak > 64 * 2**20
        assert small.exit_code is None
        await small.kill()
        await small.wait()
        small.close()


@pytest.mark.usefixtures("no_groups")
async def test_without_groups_the_watchdog_adds_up_what_many_hold() -> None:
    async with AgentOs(limits=Limits(memory="64M")) as vm:
        with pytest.raises(LimitExceeded) as caught:
            await vm.exec(["python3", "-c", SIX_TIMES_20_MB])
        assert caught.value.limit == "memory"


@pytest.mark.usefixtures("no_groups")
async def test_without_groups_a_resource_limit_counts_the_machines_processes_only() -> None:
    async with AgentOs(limits=Limits(pids=8)) as vm, AgentOs(limits=Limits(pids=8)) as other:
        assert (await vm.stats()).enforced["pids"] == "rlimit"
        with pytest.raises(LimitExceeded) as caught:
            await vm.exec("for i in 1 2 3 4 5 6 7 8 9 10; do sleep 1000 & done")
        assert caught.value.limit == "pids"
        assert (await vm.stats()).pids <= 8
        assert (await other.exec("true & true & true & wait; echo fine")).stdout == "fine\n"
