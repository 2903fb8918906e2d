"""Terminals."""

from __future__ import annotations

import asyncio
import re
import signal

import pytest

from agentos.errors import MachineError
from agentos.machine.machine import AgentOs
from agentos.machine.terminal import Terminal

ISOLATIONS = ("namespace", "gvisor")


async def read_until(terminal: Terminal, pattern: str) -> str:
    """Read until what was shown matches."""
    shown = ""
    while not re.search(pattern, shown):
        chunk = await terminal.read()
        assert chunk, f"the terminal ended after {shown!r}"
        shown += chunk.decode(errors="replace")
    return shown


async def read_all(terminal: Terminal) -> str:
    shown = b""
    while chunk := await terminal.read():
        shown += chunk
    return shown.decode()


async def test_a_command_finds_a_terminal_of_the_given_size(vm: AgentOs) -> None:
    async with await vm.terminal("tty; stty size; echo $TERM", rows=31, cols=97) as terminal:
        shown = await read_all(terminal)
        assert await terminal.wait() == 0
    assert shown.splitlines() == ["/dev/pts/0", "31 97", "xterm-256color"]


async def test_resizing_tells_the_command(vm: AgentOs) -> None:
    command = "trap 'stty size; exit' WINCH; echo up; while :; do sleep 0.01; done"
    async with await vm.terminal(command) as terminal:
        await read_until(terminal, "up")
        terminal.resize(50, 132)
        assert "50 132" in await read_all(terminal)


async def test_typing_into_a_shell(vm: AgentOs) -> None:
    async with await vm.terminal("bash --norc", env={"PS1": "ready> "}) as terminal:
        await read_until(terminal, "ready> ")
        await terminal.write(b"echo $((6 * 7))\n")
        await read_until(terminal, r"\b42\b")
        await terminal.write(b"exit 5\n")
        await read_all(terminal)
        assert await terminal.wait() == 5


async def test_ctrl_c_interrupts_the_foreground_job_only(vm: AgentOs) -> None:
    async with await vm.terminal("bash --norc", env={"PS1": "ready> "}) as terminal:
        await read_until(terminal, "ready> ")
        await terminal.write(b"""perl -e '$|=1; print "asl"."eep"; sleep 1000'\n""")
        await read_until(terminal, "asleep")
        await terminal.write(b"\x03")
        await read_until(terminal, "ready> ")
        await terminal.write(b"echo code=$?\n")
        await read_until(terminal, "code=130")


async def test_ctrl_z_suspends_and_fg_resumes(vm: AgentOs) -> None:
    async with await vm.terminal("bash --norc", env={"PS1": "ready> "}) as terminal:
        await read_until(terminal, "ready> ")
        await terminal.write(b"sh -c 'echo asl''eep; read line; echo go''t $line'\n")
        await read_until(terminal, "asleep")
        await terminal.write(b"\x1a")
        await read_until(terminal, "(?s)Stopped.*ready> ")
        await terminal.write(b"fg\n")
        await read_until(terminal, "read line")
        await terminal.write(b"word\n")
        await read_until(terminal, "got word")


async def test_ctrl_d_ends_the_input(vm: AgentOs) -> None:
    async with await vm.terminal("cat; echo done") as terminal:
        await terminal.write(b"line\n\x04")
        assert (await read_all(terminal)).splitlines() == ["line", "line", "done"]
        assert await terminal.wait() == 0


async def test_much_goes_both_ways(vm: AgentOs) -> None:
    async with await vm.terminal("stty raw -echo; echo up; head -c 300000 | wc -c") as terminal:
        await read_until(terminal, "up")
        await terminal.write(b"x" * 300_000)
        assert (await read_until(terminal, r"\d+\s")).strip() == "300000"


async def test_close_kills_what_runs_on_it(vm: AgentOs) -> None:
    terminal = await vm.terminal("trap '' HUP TERM; sleep 4801 & sleep 4801; sleep 4801")
    while sum("4801" in p.command for p in await vm.processes()) < 2:
        await asyncio.sleep(0)
    await terminal.close()
    assert await terminal.wait() == 128 + signal.SIGKILL
    while any("4801" in p.command for p in await vm.processes()):
        await asyncio.sleep(0)
    await terminal.close()
    assert await terminal.read() == b""


async def test_closing_ends_a_read_that_waits(vm: AgentOs) -> None:
    terminal = await vm.terminal("sleep 1000")
    reading = asyncio.ensure_future(terminal.read())
    await asyncio.sleep(0)
    await terminal.close()
    assert await reading == b""


async def test_a_read_can_be_cancelled(vm: AgentOs) -> None:
    async with await vm.terminal("read line; echo got $line; read line") as terminal:
        reading = asyncio.ensure_future(terminal.read())
        await asyncio.sleep(0)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        await terminal.write(b"word\n")
        await read_until(terminal, "got word")


async def test_the_end_of_the_machine_ends_it() -> None:
    async with AgentOs() as vm:
        terminal = await vm.terminal("sleep 1000")
        reading = asyncio.ensure_future(terminal.read())
        await asyncio.sleep(0)
    assert await reading == b""
    with pytest.raises(MachineError):
        await terminal.wait()
    await terminal.close()


@pytest.mark.linux("looks into /dev/pts from outside, where gVisor's is not")
async def test_terminals_are_the_machines_own(vm: AgentOs) -> None:
    async with await vm.terminal("sleep 1000"), await vm.terminal("sleep 1000"):
        names = await vm.listdir("/dev/pts")
    assert names == ["0", "1", "ptmx"]


async def test_what_is_missing_raises_here_too(vm: AgentOs) -> None:
    with pytest.raises(FileNotFoundError):
        await vm.terminal(["no-such-program"])
