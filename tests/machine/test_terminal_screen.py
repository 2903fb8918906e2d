"""Programs that draw on the whole screen, seen as a user would see them."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pyte
import pytest

from agentos.machine.machine import AgentOs
from agentos.machine.terminal import Terminal

needs_vim = pytest.mark.skipif(not shutil.which("vim"), reason="no vim on this host")
needs_top = pytest.mark.skipif(not shutil.which("top"), reason="no top on this host")
needs_less = pytest.mark.skipif(not shutil.which("less"), reason="no less on this host")

UP, LEFT, ESCAPE = b"\x1b[A", b"\x1b[D", b"\x1b"


class Screen:
    """A terminal's screen, drawn by an emulator from what the machine sends."""

    def __init__(self, terminal: Terminal, rows: int, cols: int) -> None:
        self.terminal = terminal
        self._screen = pyte.HistoryScreen(cols, rows, history=2000)
        self._stream = pyte.ByteStream(self._screen)

    @property
    def lines(self) -> list[str]:
        return [line.rstrip() for line in self._screen.display]

    @property
    def text(self) -> str:
        return "\n".join(self.lines).rstrip()

    async def type(self, keys: bytes) -> None:
        await self.terminal.write(keys)

    async def until(self, pattern: str) -> re.Match[str]:
        """Draw until what is seen matches, in any line."""
        while not (match := re.search(pattern, self.text, re.MULTILINE)):
            chunk = await self.terminal.read()
            assert chunk, f"the terminal ended with\n{self.text}"
            self._stream.feed(chunk)
        return match

    async def until_the_end(self) -> None:
        while chunk := await self.terminal.read():
            self._stream.feed(chunk)

    def resize(self, rows: int, cols: int) -> None:
        self.terminal.resize(rows, cols)
        self._screen.resize(rows, cols)


@asynccontextmanager
async def screen_of(
    vm: AgentOs, command: str, rows: int = 24, cols: int = 80, **env: str
) -> AsyncIterator[Screen]:
    environment = {"TERM": "linux", **env}  # what the emulator understands
    async with await vm.terminal(command, rows=rows, cols=cols, env=environment) as terminal:
        yield Screen(terminal, rows, cols)


def bash(vm: AgentOs, rows: int = 24, cols: int = 80) -> AbstractAsyncContextManager[Screen]:
    return screen_of(vm, "exec bash --norc", rows, cols, PS1="ready> ", HISTFILE="")


# ---- a shell ----


async def test_line_editing_and_history(vm: AgentOs) -> None:
    async with bash(vm) as screen:
        await screen.until("^ready>$")
        await screen.type(b"echo held" + LEFT * 2 + b"\x7frl\x05 there\r")
        await screen.until("^hrlld there\nready>$")  # before, keys that edit go to no editor
        await screen.type(UP + b"\x17again\r")
        await screen.until("^hrlld again\nready>$")
        await screen.type(b"\x12hrll\x07echo done\r")
        await screen.until("^done$")


async def test_a_long_line_wraps_and_is_still_edited(vm: AgentOs) -> None:
    async with bash(vm, rows=10, cols=40) as screen:
        await screen.until("^ready>$")
        await screen.type(b"echo " + b"x" * 60 + b"\x01\x1bdprintf %s-\r")
        await screen.until(f"^{'x' * 40}\n{'x' * 20}-ready>$")


async def test_completion_of_a_name_that_is_not_ascii(vm: AgentOs) -> None:
    await vm.write_file("zażółć gęślą.txt", "jaźń\n")
    async with bash(vm) as screen:
        await screen.until("^ready>$")
        await screen.type(b"cat za\t\r")
        await screen.until("^jaźń$")
        assert "cat zażółć\\ gęślą.txt" in screen.text


async def test_stopped_jobs_come_back(vm: AgentOs) -> None:
    async with bash(vm) as screen:
        await screen.until("^ready>$")
        await screen.type(b"sleep 4801\r")
        while not any("4801" in process.command for process in await vm.processes()):
            await asyncio.sleep(0)
        await screen.type(b"\x1a")
        await screen.until(r"Stopped +sleep 4801\s+ready>$")
        await screen.type(b"jobs; bg; jobs\r")
        await screen.until(r"Running +sleep 4801 &\s+ready>$")
        await screen.type(b"fg\r")
        await screen.until(r"^ready> fg\nsleep 4801$")
        await screen.type(b"\x03")
        await screen.until(r"\^C\nready>$")
        await screen.type(b"echo code $?\r")
        await screen.until("^code 130$")


async def test_a_job_quits_and_the_shell_exits(vm: AgentOs) -> None:
    async with bash(vm) as screen:
        await screen.until("^ready>$")
        await screen.type(b"sleep 4801\r")
        while not any("4801" in process.command for process in await vm.processes()):
            await asyncio.sleep(0)
        await screen.type(b"\x1c")
        await screen.until(r"Quit.*\nready>$")
        await screen.type(b"exit 3\r")
        await screen.until_the_end()
        assert await screen.terminal.wait() == 3


# ---- whole-screen programs ----


@needs_top
async def test_top(vm: AgentOs) -> None:
    async with await vm.spawn(["sleep", "4801"]), screen_of(vm, "exec top -d 0.2") as screen:
        await screen.until(r"^Tasks: +\d+ total")
        await screen.until(r"^ *\d+ agentos .* sleep$")
        await screen.type(b"c")
        await screen.until(r"sleep 4(801|\+)$")
        await screen.type(b"q")
        await screen.until_the_end()
        assert await screen.terminal.wait() == 0


@needs_less
async def test_less(vm: AgentOs) -> None:
    await vm.write_file("f", "".join(f"line {n} of many\n" for n in range(1000)))
    async with screen_of(vm, "exec less f", rows=12) as screen:
        await screen.until("^f$")
        assert screen.lines[0] == "line 0 of many"
        await screen.type(b" ")
        await screen.until("^line 20 of many$")
        await screen.type(b"/line 77[0]\r")
        await screen.until("^line 770 of many$")
        await screen.type(b"G")
        await screen.until("^line 999 of many$")
        await screen.type(b"g")
        await screen.until("^line 0 of many$")
        await screen.type(b"q")
        await screen.until_the_end()
        assert await screen.terminal.wait() == 0


@needs_vim
async def test_vim(vm: AgentOs) -> None:
    async with screen_of(vm, "exec vim -u NONE -N f.txt", rows=16, cols=60) as screen:
        await screen.until("^~$")
        await screen.type(b"ihello w\xc3\xb6rld\rsecond line")
        await screen.until("-- INSERT --")
        await screen.until("^hello wörld\nsecond line$")
        await screen.type(ESCAPE + b"ggdwyyp:w\r")
        await screen.until("^wörld\nwörld\nsecond line$")
        await screen.until("written")
        assert await vm.read_text("f.txt") == "wörld\nwörld\nsecond line\n"
        await screen.type(b":wq\r")
        await screen.until_the_end()
        assert await screen.terminal.wait() == 0


@needs_vim
async def test_vim_follows_the_size_of_the_terminal(vm: AgentOs) -> None:
    async with bash(vm, rows=16, cols=60) as screen:
        await screen.until("^ready>$")
        await screen.type(b"vim -u NONE -N +'set statusline=%{&lines}x%{&columns}' +'set ls=2'\r")
        await screen.until("^16x60$")
        screen.resize(30, 100)
        await screen.until("^30x100$")
        assert sum(line == "~" for line in screen.lines) == 27


@needs_vim
async def test_vim_is_suspended_and_resumed(vm: AgentOs) -> None:
    async with bash(vm) as screen:
        await screen.until("^ready>$")
        await screen.type(b"vim -u NONE -N f\r")
        await screen.until("^~$")
        await screen.type(b"ikept text" + ESCAPE + b"\x1a")
        await screen.until("Stopped +vim")
        await screen.type(b"clear; fg\r")
        await screen.until("^kept text$")
        await screen.type(b":wq\r")
        await screen.until("written\nready>$")
        await screen.type(b"cat f\r")
        await screen.until("^kept text\nready>$")


# ---- bytes ----


async def test_bytes_are_handed_on_wherever_they_are_cut(vm: AgentOs) -> None:
    text = "zażółć gęślą jaźń 漢字 🙂"
    await vm.write_file("f", text)
    shown = b""
    async with await vm.terminal("cat f") as terminal:
        while byte := await terminal.read(1):
            assert len(byte) == 1
            shown += byte
    assert shown.decode() == text


async def test_typing_what_is_cut_within_a_letter(vm: AgentOs) -> None:
    async with bash(vm) as screen:
        await screen.until("^ready>$")
        for byte in "echo zażółć 漢字\r".encode():
            await screen.type(bytes([byte]))
        await screen.until("^zażółć 漢字")


async def test_a_large_paste_arrives_whole(vm: AgentOs) -> None:
    """More than any buffer holds, while the terminal echoes all of it."""
    pasted = b"".join(b"line %d of a large paste\n" % n for n in range(40_000))
    async with await vm.terminal("cat > f; echo all") as terminal:
        pasting = asyncio.ensure_future(terminal.write(pasted + b"\x04"))
        shown = b""  # the kernel leaves echoes out when it has no room for them
        while not shown.endswith(b"all\r\n"):
            shown = shown[-10:] + await terminal.read()
        await pasting
    assert await vm.read_file("f") == pasted


@needs_vim
async def test_a_paste_into_vim(vm: AgentOs) -> None:
    pasted = "".join(f"line {n}\n" for n in range(3000))
    async with screen_of(vm, "exec vim -u NONE -N f") as screen:
        await screen.until("^~$")
        await screen.type(b"i")
        pasting = asyncio.ensure_future(screen.type(pasted.replace("\n", "\r").encode()))
        await screen.until("^line 2999$")
        await pasting
        await screen.type(ESCAPE + b"Gdd:wq\r")
        await screen.until_the_end()
    assert await vm.read_text("f") == pasted


async def test_what_several_tasks_type_does_not_mix(vm: AgentOs) -> None:
    command = "stty raw -echo; echo up; sleep 0.1; head -c 400000 > f; echo done"
    async with screen_of(vm, command) as screen:
        await screen.until("up")
        await asyncio.gather(screen.type(b"a" * 200_000), screen.type(b"b" * 200_000))
        await screen.until("done")
    typed = await vm.read_file("f")
    assert typed in (b"a" * 200_000 + b"b" * 200_000, b"b" * 200_000 + b"a" * 200_000)


async def test_several_tasks_read_each_a_part(vm: AgentOs) -> None:
    async with await vm.terminal("read line; echo $line") as terminal:
        readers = [asyncio.ensure_future(terminal.read()) for _ in range(3)]
        await asyncio.sleep(0)
        await terminal.write(b"word\n")
        shown = [await reader for reader in readers]
        while chunk := await terminal.read():
            shown.append(chunk)
    assert b"".join(shown) == b"word\r\nword\r\n"


async def test_a_closed_terminal_refuses(vm: AgentOs) -> None:
    terminal = await vm.terminal("cat")
    with pytest.raises(ValueError, match="65535"):
        terminal.resize(0, 80)
    await terminal.close()
    with pytest.raises(BrokenPipeError):
        await terminal.write(b"x")
    with pytest.raises(BrokenPipeError):
        terminal.resize(10, 10)
    assert await terminal.read() == b""


async def test_closing_ends_a_paste_that_waits(vm: AgentOs) -> None:
    terminal = await vm.terminal("stty raw -echo; sleep 1000")
    pasting = asyncio.ensure_future(terminal.write(b"x" * 10_000_000))
    while not pasting.done():
        await asyncio.sleep(0)
        if terminal._master._waiting:
            await terminal.close()
    with pytest.raises(BrokenPipeError):
        await pasting
