"""`agentos exec` and `agentos shell`: a command, or a person, in a fresh machine."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import termios
import threading
import tty
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agentos.cli.event_loop import run_command
from agentos.cli.options import (
    Allow,
    Cpus,
    Env,
    Image,
    Isolation,
    Memory,
    Network,
    Pids,
    Software,
    Workspace,
    environment,
    limits,
    network_policy,
)
from agentos.cli.options import isolation as kind

if TYPE_CHECKING:
    from asyncio import StreamReader, StreamWriter

    from agentos.machine.isolation.backends import Isolation as Kind
    from agentos.machine.limits.limits import Limits, LimitWarning
    from agentos.machine.machine import AgentOs
    from agentos.machine.network import NetworkPolicy
    from agentos.machine.process import Process
    from agentos.machine.terminal import Terminal

_CHUNK = 64 * 1024
_WORKSPACE = "workspace"


def exec_(
    command: Annotated[list[str], typer.Argument(metavar="-- CMD [ARG]...", help="What to run.")],
    env: Env = None,
    allow: Allow = None,
    network: Network = None,
    workspace: Workspace = None,
    software: Software = None,
    timeout: Annotated[
        float | None, typer.Option("--timeout", help="Kill it after so many seconds.")
    ] = None,
    memory: Memory = None,
    cpus: Cpus = None,
    pids: Pids = None,
    image: Image = "host",
    isolation: Isolation = "namespace",
) -> None:
    """Run a command in a fresh machine, with its exit code as ours."""
    if timeout is not None and not timeout > 0:
        raise typer.BadParameter("--timeout is more than 0 seconds")
    bounds = limits(memory, cpus, pids)
    policy = network_policy(network, allow)
    setting = _Setting(
        environment(env), policy, software or [], workspace, bounds, image, kind(isolation)
    )
    raise typer.Exit(run_command(_exec(command, setting, timeout)))


def shell(
    env: Env = None,
    allow: Allow = None,
    network: Network = None,
    workspace: Workspace = None,
    software: Software = None,
    memory: Memory = None,
    cpus: Cpus = None,
    pids: Pids = None,
    image: Image = "host",
    isolation: Isolation = "namespace",
) -> None:
    """Open a shell in a fresh machine; it is gone when you leave."""
    bounds = limits(memory, cpus, pids)
    policy = network_policy(network, allow)
    setting = _Setting(
        environment(env), policy, software or [], workspace, bounds, image, kind(isolation)
    )
    raise typer.Exit(run_command(_shell(setting)))


@dataclass(frozen=True, slots=True)
class _Setting:
    env: dict[str, str]
    network: NetworkPolicy
    software: list[str]
    workspace: Path | None
    limits: Limits | None
    image: str
    isolation: Kind

    def machine(self) -> AgentOs:
        from agentos.machine.machine import AgentOs

        return AgentOs(
            image=self.image,
            isolation=self.isolation,
            env=self.env,
            network=self.network,
            software=self.software,
            limits=self.limits,
            on_warning=_show_warning if self.limits else None,
        )

    async def enter(self, vm: AgentOs) -> str | None:
        """Copy the workspace in and return where it is."""
        if self.workspace is None:
            return None
        await vm.upload(self.workspace, _WORKSPACE)
        return _WORKSPACE


def _show_warning(warning: LimitWarning) -> None:
    end = "\r\n" if sys.stderr.isatty() else "\n"  # the terminal may be raw
    sys.stderr.write(f"agentos: {warning.message}{end}")


async def _exec(command: list[str], setting: _Setting, timeout: float | None) -> int:
    import asyncio

    from agentos.errors import ExecTimeout

    async with setting.machine() as vm:
        cwd = await setting.enter(vm)
        async with await vm.spawn(command, cwd=cwd) as process:
            try:
                async with asyncio.timeout(timeout):
                    return await _relay(process)
            except TimeoutError:
                raise ExecTimeout(f"{command[0]} did not end within {timeout} s") from None


async def _relay(process: Process) -> int:
    """Join the command's streams to ours until it ends.

    Raises:
        OSError: Nobody reads what it writes any more, or it cannot be written.
    """
    import asyncio

    assert process.stdin
    assert process.stdout
    assert process.stderr
    _feed(process.stdin)
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_pass_on(process.stdout, sys.stdout.fileno()))
            group.create_task(_pass_on(process.stderr, sys.stderr.fileno()))
            ended = group.create_task(process.wait())
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None
    return ended.result()


async def _pass_on(source: StreamReader, fd: int) -> None:
    import asyncio

    while chunk := await source.read(_CHUNK):
        await asyncio.to_thread(_write_all, fd, chunk)


def _write_all(fd: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest) :]


def _feed(stdin: StreamWriter) -> None:
    """Read our stdin in a thread of its own: it may be a file, a pipe or a terminal, and a
    read that never ends must not keep us from ending."""
    import asyncio

    loop = asyncio.get_running_loop()

    async def put(data: bytes) -> None:
        if not data:
            stdin.close()
            return
        stdin.write(data)
        await stdin.drain()

    def read() -> None:
        data = b"-"
        while data:
            data = os.read(0, _CHUNK)
            try:
                asyncio.run_coroutine_threadsafe(put(data), loop).result()
            except (RuntimeError, ConnectionError):
                return  # the command, or the loop, has ended

    threading.Thread(target=read, daemon=True, name="stdin").start()


async def _shell(setting: _Setting) -> int:
    from agentos.errors import MachineError

    if not sys.stdin.isatty():
        raise MachineError(
            "agentos shell needs a terminal", hint="use `agentos exec -- CMD` in scripts"
        )
    async with setting.machine() as vm:
        cwd = await setting.enter(vm)
        program = "bash" if await vm.exists("/bin/bash") else "sh"
        size = shutil.get_terminal_size()
        term = {"TERM": os.environ.get("TERM", "xterm-256color"), "PS1": "agentos:\\w$ "}
        async with await vm.terminal(
            [program, *(["--norc"] if program == "bash" else [])],
            rows=size.lines,
            cols=size.columns,
            cwd=cwd,
            env=term,
        ) as terminal:
            return await _converse(terminal)


async def _converse(terminal: Terminal) -> int:
    """Be the machine's terminal until its shell ends, and give ours back as it was."""
    import asyncio

    loop = asyncio.get_running_loop()
    before = termios.tcgetattr(0)
    typed: asyncio.Queue[bytes] = asyncio.Queue()

    def resize() -> None:
        size = shutil.get_terminal_size()
        terminal.resize(size.lines, size.columns)

    def take() -> None:
        try:
            data = os.read(0, _CHUNK)
        except OSError:
            data = b""
        if not data:  # whoever sat here is gone, and we were told to stay
            loop.remove_reader(0)
        typed.put_nowait(data)

    async def type_in() -> None:
        while data := await typed.get():
            await terminal.write(data)
        await terminal.close()

    tty.setraw(0, termios.TCSADRAIN)  # what was typed ahead stays
    loop.add_signal_handler(signal.SIGWINCH, resize)
    loop.add_reader(0, take)
    typing = loop.create_task(type_in())
    try:
        while shown := await terminal.read():
            _write_all(1, shown)
        return await terminal.wait()
    finally:
        typing.cancel()
        await asyncio.wait({typing})
        loop.remove_reader(0)
        loop.remove_signal_handler(signal.SIGWINCH)
        with contextlib.suppress(termios.error):  # it may be gone
            termios.tcsetattr(0, termios.TCSADRAIN, before)
