"""Commands with live streams, and their processes."""

from __future__ import annotations

import asyncio
import re
import signal
from pathlib import Path

import pytest

from agentos.machine.machine import AgentOs
from agentos.machine.process import Process

ISOLATIONS = ("namespace", "gvisor")


async def gone(vm: AgentOs, mark: str) -> None:
    """Wait until no process of the machine has this word in its command line."""
    while any(mark in word for p in await vm.processes() for word in p.command):
        await asyncio.sleep(0)


async def running(vm: AgentOs, mark: str, count: int = 1) -> None:
    """Wait until so many processes have this word in their command line."""
    while sum(mark in p.command for p in await vm.processes()) < count:
        await asyncio.sleep(0)


async def line(process: Process) -> str:
    assert process.stdout is not None
    return (await process.stdout.readline()).decode().rstrip("\n")


async def test_a_dialogue_with_a_live_process(vm: AgentOs) -> None:
    process = await vm.spawn(["sed", "-u", "s/^/> /"])
    assert process.stdin is not None
    assert process.exit_code is None
    for word in ("one", "two"):
        process.stdin.write(f"{word}\n".encode())
        assert await line(process) == f"> {word}"
    process.stdin.close()
    assert await process.wait() == 0
    assert process.exit_code == 0


async def test_streams_that_are_not_piped(vm: AgentOs) -> None:
    process = await vm.spawn("cat; echo x", stdin="null", stdout="null", stderr="null")
    assert (process.stdin, process.stdout, process.stderr) == (None, None, None)
    assert await process.wait() == 0


async def test_spawn_of_what_is_missing(vm: AgentOs) -> None:
    with pytest.raises(FileNotFoundError):
        await vm.spawn(["no-such-program"])


async def test_a_gigabyte_streams_through_a_small_process(vm: AgentOs) -> None:
    def resident() -> int:
        status = Path("/proc/self/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert found
        return int(found[1]) * 1024

    process = await vm.spawn("head -c 1000000000 /dev/zero")
    assert process.stdout is not None
    before, most, total = resident(), 0, 0
    while chunk := await process.stdout.read(2**20):
        total += len(chunk)
        most = max(most, resident())
    assert total == 1_000_000_000
    assert most - before < 64 * 2**20
    assert await process.wait() == 0


@pytest.mark.linux("gVisor does not tell where a process waits")
async def test_a_slow_reader_makes_the_writer_wait(vm: AgentOs) -> None:
    process = await vm.spawn(["yes"], limit=65536)
    assert process.stdout is not None
    while not (await vm.read_text(f"/proc/{process.pid}/wchan")).startswith(("pipe", "anon_pipe")):
        await asyncio.sleep(0)
    assert len(process.stdout._buffer) <= 3 * 65536  # type: ignore[attr-defined]
    await process.kill()
    await process.wait()
    process.close()


async def test_many_lines_arrive_in_order(vm: AgentOs) -> None:
    process = await vm.spawn("seq 1 50000")
    assert process.stdout is not None
    lines = [int(text) async for text in process.stdout]
    assert lines == list(range(1, 50_001))


async def test_signals_reach_the_process_group(vm: AgentOs) -> None:
    process = await vm.spawn(
        "trap 'echo caught; exit 7' USR1; echo up; while :; do sleep 0.01; done"
    )
    assert await line(process) == "up"
    await process.signal(signal.SIGUSR1)
    assert await line(process) == "caught"
    assert await process.wait() == 7
    await process.signal(signal.SIGUSR1)  # it has ended: nothing happens


async def test_kill_takes_the_whole_session(vm: AgentOs) -> None:
    process = await vm.spawn("sleep 4717 & sleep 4717 & wait")
    await running(vm, "4717", 2)
    await process.kill()
    assert await process.wait() == 128 + 9
    await gone(vm, "4717")


DETACH = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execvp("sleep", ["sleep", sys.argv[1]])
    os._exit(0)
os.wait()
print("detached", flush=True)
time.sleep(1000)
"""


async def test_kill_of_a_contained_command_reaches_what_detached_itself(vm: AgentOs) -> None:
    process = await vm.spawn(["python3", "-c", DETACH, "4718"], contain=True)
    assert await line(process) == "detached"
    while not any(p.command == ("sleep", "4718") for p in await vm.processes()):
        await asyncio.sleep(0)
    seen = {p.pid: p for p in await vm.processes()}
    (daemon,) = (p for p in seen.values() if p.command == ("sleep", "4718"))
    assert daemon.ppid == process.supervisor != process.pid
    assert seen[process.pid].ppid == process.supervisor
    assert daemon.sid not in (process.pid, process.supervisor)
    await process.kill()
    assert await process.wait() == 128 + 9
    await gone(vm, "4718")


async def test_the_end_of_a_contained_command_ends_what_it_left(vm: AgentOs) -> None:
    process = await vm.spawn(["python3", "-c", DETACH, "4722"], contain=True)
    assert await line(process) == "detached"
    await vm.signal(process.pid, signal.SIGTERM)
    assert await process.wait() == 128 + signal.SIGTERM
    assert await vm.processes() == []


async def test_a_contained_command_tells_its_own_exit_code(vm: AgentOs) -> None:
    process = await vm.spawn("exit 9", contain=True)
    assert await process.wait() == 9
    process = await vm.spawn("kill -TERM $$", contain=True)
    assert await process.wait() == 128 + 15
    with pytest.raises(FileNotFoundError):
        await vm.spawn(["no-such-program"], contain=True)


async def test_leaving_the_block_of_a_process_ends_it(vm: AgentOs) -> None:
    async with await vm.spawn(["sleep", "4719"]) as process:
        await running(vm, "4719")
    assert process.exit_code == 128 + 9
    await gone(vm, "4719")


async def test_processes_and_signals_by_pid(vm: AgentOs) -> None:
    process = await vm.spawn(["sleep", "4720"])
    await running(vm, "4720")
    (seen,) = await vm.processes()
    assert (seen.pid, seen.executable) == (process.pid, "sleep")
    assert seen.state in ("R", "S")
    assert (seen.ppid, seen.pgid, seen.sid) == (1, process.pid, process.pid)
    await vm.signal(process.pid, signal.SIGTERM)
    assert await process.wait() == 128 + 15
    with pytest.raises(ProcessLookupError):
        await vm.signal(process.pid, signal.SIGTERM)
    with pytest.raises(PermissionError):
        await vm.signal(1, signal.SIGKILL)


async def test_a_program_may_have_any_name(vm: AgentOs) -> None:
    await vm.exec(["cp", "/bin/sleep", "a) R 1 (b\n"])
    process = await vm.spawn(["./a) R 1 (b\n", "4721"])
    await running(vm, "4721")
    (seen,) = await vm.processes()
    assert (seen.executable, seen.ppid) == ("a) R 1 (b\n", 1)
    await process.kill()


@pytest.mark.linux("gVisor's /proc has no signal masks")
async def test_commands_start_with_clean_signals(vm: AgentOs) -> None:
    """Python ignores SIGPIPE and SIGXFSZ; a machine's programs find them as usual."""
    status = (await vm.exec(["cat", "/proc/self/status"])).stdout
    masks = dict(re.findall(r"Sig(Ign|Blk):\s+([0-9a-f]+)", status))
    libc_own = 1 << 31 | 1 << 32  # 32 and 33, which no libc lets anyone set
    assert int(masks["Ign"], 16) & ~libc_own == 0
    assert int(masks["Blk"], 16) == 0


async def test_a_command_that_ends_at_once_lets_go_of_its_stdin(vm: AgentOs) -> None:
    for _ in range(20):
        process = await vm.spawn("exit 1")
        await process.wait()
        assert process.stdin is not None
        assert process.stdin.is_closing()
        process.close()
