"""Machines start, end, and say so to whoever still uses them."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable

import pytest

from agentos.errors import IsolationUnavailable, MachineError
from agentos.machine.machine import AgentOs
from agentos.machine.process import ExecResult, Process


def kill_machine(vm: AgentOs) -> None:
    """Kill the machine's init from the host, as an administrator might."""
    init = vm.channel.init_pid
    assert init is not None
    os.kill(init, signal.SIGKILL)


async def test_a_machine_lives_within_its_with_block() -> None:
    async with AgentOs() as vm:
        assert (await vm.exec("echo hello")).stdout == "hello\n"
        assert not vm.closed
    assert vm.closed


async def test_create_and_close() -> None:
    vm = await AgentOs.create(name="workbench")
    assert (await vm.exec("hostname")).stdout == "workbench\n"
    await vm.close()
    await vm.close()
    assert vm.closed


async def test_closing_one_that_never_started_is_fine() -> None:
    vm = AgentOs()
    await vm.close()
    assert not vm.closed


async def test_two_tasks_may_close_at_once() -> None:
    vm = await AgentOs.create()
    await asyncio.gather(vm.close(), vm.close())
    assert vm.closed


async def test_a_machine_is_started_once(vm: AgentOs) -> None:
    with pytest.raises(RuntimeError, match="started once"):
        await vm.start()


USES: dict[str, Callable[[AgentOs], Awaitable[object]]] = {
    "exec": lambda vm: vm.exec("true"),
    "spawn": lambda vm: vm.spawn("true"),
    "terminal": lambda vm: vm.terminal(),
    "read_file": lambda vm: vm.read_file("/etc/passwd"),
    "write_file": lambda vm: vm.write_file("x", "y"),
    "remove": lambda vm: vm.remove("x", recursive=True),
    "exists": lambda vm: vm.exists("/etc"),
    "processes": lambda vm: vm.processes(),
    "signal": lambda vm: vm.signal(2, 15),
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
async def test_use_before_start_says_how_to_start(
    use: Callable[[AgentOs], Awaitable[object]],
) -> None:
    with pytest.raises(RuntimeError, match="async with AgentOs"):
        await use(AgentOs())


@pytest.mark.parametrize("use", USES.values(), ids=USES)
async def test_use_after_close_says_that_it_ended(
    use: Callable[[AgentOs], Awaitable[object]],
) -> None:
    async with AgentOs() as vm:
        pass
    with pytest.raises(MachineError) as caught:
        await use(vm)
    assert caught.value.code == "machine_ended"


async def test_unknown_image_isolation_and_host_name_are_refused() -> None:
    with pytest.raises(MachineError) as image:
        await AgentOs.create(image="windows")
    assert image.value.code == "image_unknown"
    with pytest.raises(IsolationUnavailable):
        AgentOs(isolation="hope")  # type: ignore[arg-type]
    for name in ("", "x" * 65, "a\0b", "größe"):
        with pytest.raises(ValueError, match="host name"):
            AgentOs(name=name)


async def test_the_machine_has_its_own_identity(vm: AgentOs) -> None:
    shown = (await vm.exec("id -un; id -u; id -G; pwd; hostname; umask")).stdout
    assert shown.splitlines() == ["agentos", "1000", "1000", "/home/agentos", "agentos", "0022"]


async def test_nothing_of_the_hosts_environment_is_inherited(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "host-secret")
    async with AgentOs(env={"PROJECT": "seven"}) as vm:
        shown = (await vm.exec(["env"], env={"STEP": "one"})).stdout
    settings = dict(line.split("=", 1) for line in shown.splitlines())
    assert settings == {
        "HOME": "/home/agentos",
        "LANG": "C.UTF-8",
        "LOGNAME": "agentos",
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "SHELL": "/bin/sh",
        "USER": "agentos",
        "PROJECT": "seven",
        "STEP": "one",
    }


async def test_machines_do_not_see_each_other() -> None:
    async with AgentOs() as one, AgentOs() as other:
        await one.write_file("/tmp/note", "mine")
        await one.spawn(["sleep", "1000"])
        assert not await other.exists("/tmp/note")
        assert await other.processes() == []


BLOCKING: dict[str, Callable[[AgentOs], Awaitable[object]]] = {
    "exec": lambda vm: vm.exec("echo started >> log; exec sleep 1000"),
    "exec with input": lambda vm: vm.exec(
        "echo started >> log; exec sleep 1000", input=b"x" * 10**6
    ),
    "exec with a timeout": lambda vm: vm.exec("echo started >> log; exec sleep 1000", timeout=900),
    "spawn": lambda vm: _spawn_and_wait(vm),
    "terminal": lambda vm: _terminal_and_wait(vm),
}


async def _spawn_and_wait(vm: AgentOs) -> None:
    process = await vm.spawn("echo started >> log; exec sleep 1000")
    assert process.stdout is not None
    assert await process.stdout.read() == b""  # the stream ends ...
    await process.wait()  # ... and this says why


async def _terminal_and_wait(vm: AgentOs) -> None:
    async with await vm.terminal("echo started >> log; exec sleep 1000") as terminal:
        while await terminal.read():
            pass
        await terminal.wait()


async def _written(vm: AgentOs, path: str) -> None:
    """Wait until a command wrote a file, by a command that waits in the machine."""
    await vm.exec(["sh", "-c", 'until [ -s "$0" ]; do sleep 0.01; done', path])


@pytest.mark.parametrize("block", BLOCKING.values(), ids=BLOCKING)
async def test_whoever_waits_hears_that_the_machine_died(
    block: Callable[[AgentOs], Awaitable[object]],
) -> None:
    async with AgentOs() as vm:
        waiting = asyncio.ensure_future(block(vm))
        await _written(vm, "log")
        kill_machine(vm)
        with pytest.raises(MachineError) as caught:
            await waiting
        assert caught.value.code == "machine_ended"
        assert vm.closed


async def test_file_verbs_under_way_when_it_dies_end_too(vm: AgentOs) -> None:
    await vm.write_file("data", b"x" * 1_000_000)
    await vm.exec("mkdir t; cd t; seq 3000 | xargs touch")
    under_way: list[asyncio.Future[object]] = [
        asyncio.ensure_future(vm.remove("t", recursive=True))
    ]
    for _ in range(100):
        under_way += map(asyncio.ensure_future, (vm.read_file("data"), vm.stat("data")))
    await asyncio.sleep(0)
    kill_machine(vm)
    ends = await asyncio.gather(*under_way, return_exceptions=True)
    assert isinstance(ends[0], MachineError)
    assert {getattr(end, "code", "done") for end in ends} <= {"machine_ended", "done"}


async def test_closing_tells_whoever_waits() -> None:
    vm = await AgentOs.create()
    waiting = [asyncio.ensure_future(block(vm)) for block in BLOCKING.values()]
    await vm.exec('until [ "$(wc -l < log)" = 5 ]; do sleep 0.01; done; true')
    await vm.close()
    ends = await asyncio.gather(*waiting, return_exceptions=True)
    assert [getattr(end, "code", end) for end in ends] == ["machine_ended"] * 5


STOPS_ALL = r"""
#include <signal.h>
#include <unistd.h>
int main(void) { write(1, "go\n", 3); for (;;) kill(-1, SIGSTOP); }
"""


async def stop_all_others(vm: AgentOs) -> Process:
    """Run a program that stops whatever else runs, even what init is about to start."""
    await vm.write_file("stop.c", STOPS_ALL)
    await vm.exec("cc -O1 -w -o stop stop.c", check=True)
    process = await vm.spawn(["./stop"])
    assert process.stdout is not None
    assert await process.stdout.readline() == b"go\n"
    return process


async def test_a_program_that_stops_all_others_can_be_ended(vm: AgentOs) -> None:
    process = await stop_all_others(vm)
    stopped = asyncio.ensure_future(vm.exec("true"))
    await asyncio.sleep(0)  # its request goes out before the next
    await process.kill()
    assert await process.wait() == 128 + signal.SIGKILL
    assert (await vm.exec("echo free")).stdout == "free\n"
    stopped.cancel()
    await asyncio.wait({stopped})


async def test_a_program_that_stops_all_others_cannot_keep_the_machine(vm: AgentOs) -> None:
    await stop_all_others(vm)
    starts = [asyncio.ensure_future(vm.exec("true")) for _ in range(20)]
    await asyncio.wait(starts, timeout=0.1)  # init is within one of them now
    await vm.close()
    for end in await asyncio.gather(*starts, return_exceptions=True):
        assert isinstance(end, ExecResult | MachineError)
