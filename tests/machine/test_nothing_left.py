"""Whatever happens to a machine, nothing of it stays on the host."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from agentos.config import data_dir
from agentos.errors import IsolationUnavailable
from agentos.machine.isolation import namespace
from agentos.machine.isolation.namespace import NamespaceMachine
from agentos.machine.layers.host_image import host_image
from agentos.machine.machine import AgentOs

if TYPE_CHECKING:
    from tests.conftest import Footprint


def shared() -> set[Path]:
    return {path for kind in ("images", "software") for path in (data_dir() / kind).glob("*")}


@pytest.fixture(autouse=True)
def _same_as_before(footprint: Footprint) -> Iterator[None]:
    directories = shared()
    temporary = {name for name in os.listdir("/tmp") if "agentos" in name}
    yield
    now = type(footprint).now()
    assert now.grown_since(footprint) == []
    assert now.threads <= footprint.threads
    assert shared() - directories == set()
    assert {name for name in os.listdir("/tmp") if "agentos" in name} == temporary


async def busy(vm: AgentOs) -> None:
    """Leave all sorts of things open and running."""
    await vm.spawn(["yes"], limit=1024)
    await vm.spawn(["sleep", "1000"], contain=True)
    await vm.spawn("exit 1")
    await vm.terminal("yes")
    await vm.exec("sleep 1000 &")
    await vm.write_file("/tmp/data", b"x" * 1_000_000)


async def test_closing_a_busy_machine() -> None:
    async with AgentOs() as vm:
        await busy(vm)
        process = await vm.spawn(["yes"])
        assert process.stdout is not None
        await process.stdout.readline()


async def test_a_busy_machine_that_died() -> None:
    async with AgentOs() as vm:
        await busy(vm)
        assert vm.channel.init_pid is not None
        os.kill(vm.channel.init_pid, signal.SIGKILL)
        while not vm.closed:
            await asyncio.sleep(0)


async def test_an_error_in_the_with_block() -> None:
    async def fail() -> None:
        async with AgentOs() as vm:
            await busy(vm)
            raise KeyError("x")

    with pytest.raises(KeyError):
        await fail()


async def test_starts_that_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    image = host_image()
    try:
        for binds in (((Path("/no/such"), "/x"),), ((Path("/usr"), "/x"),) * 70):
            with pytest.raises(IsolationUnavailable):
                await NamespaceMachine.start(lambda: image, binds=binds)
        with pytest.raises(IsolationUnavailable):
            await NamespaceMachine.start(lambda: image, size="nonsense")
        monkeypatch.setattr(namespace, "LAUNCHER", Path("/no/such/launcher"))
        with pytest.raises(IsolationUnavailable):
            await NamespaceMachine.start(lambda: image)
    finally:
        os.close(image.lock)
    with pytest.raises(IsolationUnavailable):
        await AgentOs.create()


async def test_starts_cancelled_at_every_point() -> None:
    for turns in range(40):
        task = asyncio.ensure_future(AgentOs.create())
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
    for share in range(1, 12):
        with_timeout = asyncio.wait_for(AgentOs.create(), 0.0005 * share)
        (ended,) = await asyncio.gather(with_timeout, return_exceptions=True)
        if isinstance(ended, AgentOs):
            await ended.close()


async def test_two_hundred_machines() -> None:
    async def use(number: int) -> str:
        async with AgentOs(name=f"m{number}") as vm:
            await vm.write_file("n", str(number))
            return (await vm.exec("cat n; hostname")).stdout

    for batch in range(0, 200, 25):
        shown = await asyncio.gather(*(use(n) for n in range(batch, batch + 25)))
        assert shown == [f"{n}m{n}\n" for n in range(batch, batch + 25)]


OWNER = """
import asyncio, sys
from agentos.machine.machine import AgentOs

async def main():
    machines = [await AgentOs.create() for _ in range(3)]
    for vm in machines:
        await vm.spawn(["sleep", sys.argv[1]])
        stubborn = "trap '' TERM HUP; while :; do sleep " + sys.argv[1] + "; done"
        await vm.spawn(stubborn, contain=True)
        await vm.terminal(["sleep", sys.argv[1]])
    print(*[vm.channel.init_pid for vm in machines], flush=True)
    await asyncio.sleep(1000)

asyncio.run(main())
"""


@contextlib.contextmanager
def owner_of_machines(script: str, *arguments: str) -> Iterator[list[str]]:
    """Run a script, yield the words of the line it prints, and kill it without warning."""
    owner = subprocess.Popen(
        [sys.executable, "-c", script, *arguments], stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout is not None
    try:
        yield owner.stdout.readline().split()
    finally:
        owner.kill()
        owner.wait()
        owner.stdout.close()


def host_processes(mark: str) -> list[str]:
    """Processes of the host with this word in their command line."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if mark.encode() in path.read_bytes().split(b"\0"):
                found.append(path.parent.name)
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


async def ended(pid: int) -> None:
    """Wait until a process that is not our child is gone."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    loop = asyncio.get_running_loop()
    gone = asyncio.Event()
    loop.add_reader(fd, gone.set)
    await gone.wait()
    loop.remove_reader(fd)
    os.close(fd)


async def test_killing_the_host_process_takes_its_machines_along() -> None:
    mark = f"{os.getpid()}4711"
    with owner_of_machines(OWNER, mark) as numbers:
        inits = [int(word) for word in numbers]
        assert len(inits) == 3
        assert len(host_processes(mark)) > 6
    for init in inits:
        await ended(init)
    assert host_processes(mark) == []


STOPPED = """
import asyncio, sys
from agentos.machine.machine import AgentOs

async def main():
    async with AgentOs() as vm:
        attack = "import os\\nprint('go', flush=True)\\nwhile True: os.kill(-1, 19)"
        process = await vm.spawn(["python3", "-c", attack, sys.argv[1]])
        await process.stdout.readline()
        starts = [asyncio.ensure_future(vm.exec(["true", sys.argv[1]])) for _ in range(30)]
        await asyncio.wait(starts, timeout=0.2)
        print(vm.channel.init_pid, flush=True)
        await asyncio.sleep(1000)

asyncio.run(main())
"""


async def test_it_does_so_even_while_a_program_holds_init_up() -> None:
    mark = f"{os.getpid()}4712"
    with owner_of_machines(STOPPED, mark) as numbers:
        init = int(numbers[0])
    await ended(init)
    assert host_processes(mark) == []


FORKED = """
import asyncio, os, time
from agentos.machine.machine import AgentOs

async def main():
    vm = await AgentOs.create()
    child = os.fork()
    if child == 0:
        time.sleep(1000)
    print(vm.channel.init_pid, child, flush=True)
    await asyncio.sleep(1000)

asyncio.run(main())
"""


async def test_a_forked_child_keeps_no_machine_alive() -> None:
    with owner_of_machines(FORKED) as numbers:
        init, child = (int(word) for word in numbers)
    await ended(init)
    os.kill(child, signal.SIGKILL)  # still there, unlike the machine
    await ended(child)
