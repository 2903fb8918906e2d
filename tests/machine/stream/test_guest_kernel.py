"""The stream and our init in a guest with a kernel of its own, emulated by QEMU."""

from __future__ import annotations

import asyncio
import platform
import signal
from pathlib import Path

import pytest
from tests.machine.stream.emulated import can_emulate, emulated_guest

from agentos.errors import LimitExceeded
from agentos.machine.channel import Channel
from agentos.machine.launch import Launch
from agentos.machine.limits.usage import Inside
from agentos.machine.process import ExecResult, Process, run
from agentos.machine.processes import ProcessInfo, list_processes, look
from agentos.machine.protocol import ExecFlag, Op
from agentos.machine.spawning import spawn
from agentos.machine.terminal import Terminal

pytestmark = pytest.mark.skipif(
    platform.machine() != "x86_64" or not can_emulate(),
    reason="needs x86_64, qemu-system-x86, busybox-static, and AGENTOS_TEST_KERNEL or a kernel",
)
ENV = {"PATH": "/bin", "GREETING": "hello"}


def launch(command: str, flags: ExecFlag = ExecFlag.NONE) -> Launch:
    return Launch([b"/bin/sh", b"-c", command.encode()], b"/home/agentos", ENV, flags, (24, 80))


async def sh(channel: Channel, command: str, input: bytes | None = None) -> ExecResult:
    return await run(
        channel,
        launch(command),
        input=input,
        timeout=60,
        check=False,
        max_output=2**20,
        shown=command,
    )


async def look_at_commands(channel: Channel) -> None:
    system = await sh(channel, "uname -s -r; id -u; pwd; echo $GREETING; echo oops >&2; exit 7")
    release = system.stdout.split()[1]
    assert release != platform.release()
    assert system.stdout == f"Linux {release}\n1000\n/home/agentos\nhello\n"
    assert (system.stderr, system.exit_code) == ("oops\n", 7)
    status = (await sh(channel, "cat /proc/self/status")).stdout
    assert "CapEff:\t" + "0" * 16 in status
    assert "Seccomp:\t2" in status
    assert (await sh(channel, "ulimit -n")).stdout == "100\n"
    assert (await sh(channel, "readlink /proc/self/fd/0")).stdout == "/dev/null\n"
    with pytest.raises(FileNotFoundError):
        await run(
            channel,
            Launch([b"/bin/absent"], b"/", ENV),
            input=None,
            timeout=60,
            check=False,
            max_output=1,
            shown="absent",
        )


async def look_at_streams(channel: Channel) -> None:
    """More goes each way than a window holds."""
    data = bytes(range(256)) * 300
    assert (await sh(channel, "wc -c", data)).stdout.strip() == str(len(data))
    assert (await sh(channel, "cat", data)).stdout_bytes == data


async def idle(channel: Channel, seconds: str) -> Process:
    return await spawn(
        channel,
        launch(f"exec sleep {seconds}"),
        stdin="null",
        stdout="null",
        stderr="null",
        limit=1024,
    )


async def processes(channel: Channel) -> list[ProcessInfo]:
    async with look(channel) as proc:
        return list_processes(proc)


async def look_at_processes(channel: Channel) -> None:
    process = await idle(channel, "4711")
    while not (seen := [p for p in await processes(channel) if p.command == ("sleep", "4711")]):
        await asyncio.sleep(0)
    assert (seen[0].pid, seen[0].ppid, seen[0].sid) == (process.pid, 1, process.pid)
    assert [p.pid for p in await processes(channel)] == [process.pid]
    with pytest.raises(PermissionError):
        await channel.call(Op.SIGNAL, [], (1, signal.SIGKILL, 0, 0), "process 1")
    await process.kill()
    assert await process.wait() == 128 + signal.SIGKILL
    assert await processes(channel) == []


async def look_at_a_bound(channel: Channel) -> None:
    """So many processes may run, and no more, however they are started."""
    await Inside(channel).bound(8)
    running = [await idle(channel, "4712") for _ in range(8)]
    with pytest.raises(LimitExceeded) as caught:
        await idle(channel, "4712")
    assert caught.value.limit == "pids"
    await running.pop().kill()
    while await Inside(channel).pids() == 8:
        await asyncio.sleep(0)
    assert "can't fork" in (await sh(channel, "sleep 4713 & sleep 4714")).stderr
    for process in running:
        await process.kill()
        await process.wait()
    assert (await sh(channel, "sleep 0 & wait; echo on")).stdout == "on\n"


async def look_at_a_terminal(channel: Channel) -> None:
    async with await Terminal.open(
        channel, launch("stty size; read line; stty size", ExecFlag.PTY)
    ) as terminal:
        shown = b""
        while b"24 80\r\n" not in shown:
            shown += await terminal.read()
        terminal.resize(40, 100)
        await terminal.write(b"go on\n")
        while chunk := await terminal.read():
            shown += chunk
        assert shown == b"24 80\r\ngo on\r\n40 100\r\n"
        assert await terminal.wait() == 0


async def test_an_init_with_a_kernel_of_its_own_serves_over_a_serial_line(tmp_path: Path) -> None:
    async with emulated_guest(tmp_path) as bridge:
        await look_at_commands(bridge.channel)
        await look_at_streams(bridge.channel)
        await look_at_processes(bridge.channel)
        await look_at_a_terminal(bridge.channel)
        await look_at_a_bound(bridge.channel)
        bridge.close()
        assert bridge.channel.lost is not None
        assert bridge.channel.lost.code == "machine_ended"
