"""Commands in a machine: run to their end with `exec`, or live with `spawn`."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal

from agentos.errors import CommandFailed, ExecTimeout, LimitExceeded, MachineError
from agentos.machine.capture import Capture, feed
from agentos.machine.channel import Channel, resolve
from agentos.machine.launch import Launch, exit_code_of
from agentos.machine.output_log import OutputChunk, OutputLog
from agentos.machine.pipe_reader import PipeReader
from agentos.machine.protocol import Op, Reply, Scope, Usage, decode_usage

#: What `exec` keeps of each stream unless told otherwise, in bytes.
MAX_OUTPUT = 64 * 2**20

Redirect = Literal["pipe", "null"]


@dataclass(frozen=True, slots=True)
class ExecResult:
    """How a command ended, and what it wrote.

    Attributes:
        exit_code: Its exit code; 128 + n when signal n killed it.
        stdout_bytes: All that it wrote to stdout.
        stderr_bytes: All that it wrote to stderr.
        usage: CPU seconds and memory it used.
    """

    exit_code: int
    stdout_bytes: bytes
    stderr_bytes: bytes
    usage: Usage

    @property
    def stdout(self) -> str:
        """Stdout as text; bytes that are not UTF-8 are replaced."""
        return self.stdout_bytes.decode(errors="replace")

    @property
    def stderr(self) -> str:
        """Stderr as text; bytes that are not UTF-8 are replaced."""
        return self.stderr_bytes.decode(errors="replace")


class Process:
    """A running command of a machine.

    `pid` is its id in the machine, and `supervisor` that of the process that keeps a
    contained command's family together, or 0. `stdin`, `stdout` and `stderr` are asyncio
    streams, or None where they were not piped.

    Example:
        ```python
        process = await vm.spawn(["cat"])
        process.stdin.write(b"hello\\n")
        process.stdin.close()
        line = await process.stdout.readline()
        await process.wait()
        ```
    """

    def __init__(
        self, channel: Channel, pid: int, exit: asyncio.Future[Reply], supervisor: int = 0
    ) -> None:
        self._channel = channel
        self._exit = exit
        self.pid = pid
        self.supervisor = supervisor
        self.stdin: asyncio.StreamWriter | None = None
        self.stdout: asyncio.StreamReader | None = None
        self.stderr: asyncio.StreamReader | None = None
        self._readers: list[PipeReader] = []
        self._log: OutputLog | None = None
        exit.add_done_callback(self._on_end)

    def _on_end(self, exit: asyncio.Future[Reply]) -> None:
        """Let go of stdin; with the machine gone, of streams that nobody might read to the end."""
        if self.stdin:
            self.stdin.close()
        if not exit.cancelled() and exit.exception():
            self.close()

    @property
    def exit_code(self) -> int | None:
        """The exit code, 128 + n when signal n killed it; None while it runs."""
        if not self._exit.done() or self._exit.exception():
            return None
        return exit_code_of(self._exit.result().a)

    async def wait(self) -> int:
        """Wait until it ends and return its exit code.

        Raises:
            MachineError: The machine ended first.
        """
        reply = await asyncio.shield(self._exit)
        return exit_code_of(reply.a)

    def read_output(self, after: int = 0) -> list[OutputChunk]:
        """Return what it wrote, as far as it is kept: again and again, for any number of readers.

        Args:
            after: Only what came after the chunk of this number. If the first chunk's number is
                not the next one, those between were more than is kept.

        Raises:
            ValueError: Its output is not kept: it was spawned without `keep_output=`.
        """
        return self._kept().read(after)

    async def output(self, after: int = 0) -> AsyncIterator[OutputChunk]:
        """Go through what it wrote, as `read_output`, and on until its output ends.

        Raises:
            ValueError: Its output is not kept.
            MachineError: The machine ended.
        """
        async for chunk in self._kept().follow(after):
            yield chunk
        if self._exit.done():
            self._exit.result()

    def _kept(self) -> OutputLog:
        if self._log is None:
            raise ValueError("its output is not kept: spawn it with keep_output=")
        return self._log

    async def signal(self, number: int) -> None:
        """Send a signal to its process group; a process that has ended is left alone."""
        await self._signal(self.pid, number, Scope.GROUP)

    async def kill(self) -> None:
        """Kill it with all that it started: in its session, or of a contained one everything."""
        if self.supervisor:
            await self._signal(self.supervisor, signal.SIGKILL, Scope.FAMILY)
        else:
            await self._signal(self.pid, signal.SIGKILL, Scope.SESSION)

    async def _signal(self, pid: int, number: int, scope: Scope) -> None:
        if self._exit.done():
            return
        try:
            await self._channel.call(Op.SIGNAL, [], (pid, number, scope, 0), f"process {pid}")
        except ProcessLookupError:
            return  # it ended meanwhile

    def close(self) -> None:
        """Let go of its streams; the process itself goes on."""
        if self.stdin:
            self.stdin.close()
        for reader in self._readers:
            reader.close()
        if self._log:
            self._log.close()

    async def __aenter__(self) -> Process:
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            await self.kill()
            await self.wait()
        except MachineError:
            pass  # the machine ended, and the process with it
        finally:
            self.close()


async def run(
    channel: Channel,
    launch: Launch,
    *,
    input: bytes | None,
    timeout: float | None,
    check: bool,
    max_output: int,
    shown: str,
    limit_hit: Callable[[], Awaitable[str | None]] | None = None,
) -> ExecResult:
    """Run a command to its end with its output captured.

    It ends when the command does: what it left running in the background goes on, and its
    further output is discarded.
    """
    exit: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
    pid = 0
    with contextlib.ExitStack() as ours, contextlib.ExitStack() as theirs:
        stdin, feeding = feed(input)
        ours.callback(feeding.close)
        theirs.callback(os.close, stdin)
        output, errors = (_capture(channel, max_output, ours, theirs) for _ in range(2))
        try:
            async with asyncio.timeout(timeout):
                fds = [stdin, output.write_end, errors.write_end]
                pid = (await launch.send(channel, fds, exit)).a
                theirs.close()
                ended = await _finish(exit, output, errors, shown)
        except TimeoutError:
            await _kill(channel, pid, exit)
            output.drain()
            errors.drain()
            raise ExecTimeout(
                f"{shown} did not end within {timeout} s and was killed",
                stdout=output.value(),
                stderr=errors.value(),
            ) from None
        except BaseException:
            if pid:
                channel.signal_nowait(pid, signal.SIGKILL, Scope.SESSION)
            raise
    result = ExecResult(
        exit_code_of(ended.a), output.value(), errors.value(), decode_usage(ended.data)
    )
    if result.exit_code and limit_hit and (limit := await limit_hit()):
        raise LimitExceeded(
            f"{shown} ended with exit code {result.exit_code}: the machine used up its {limit}",
            limit=limit,
            hint=f"raise Limits({limit}=...)",
            stdout=result.stdout_bytes,
            stderr=result.stderr_bytes,
        )
    if check and result.exit_code:
        raise CommandFailed(
            f"{shown} ended with exit code {result.exit_code}",
            exit_code=result.exit_code,
            stdout=result.stdout_bytes,
            stderr=result.stderr_bytes,
        )
    return result


def _capture(
    channel: Channel, limit: int, ours: contextlib.ExitStack, theirs: contextlib.ExitStack
) -> Capture:
    capture = Capture(limit)
    ours.callback(capture.close_or_discard, channel.discarded)
    theirs.callback(capture.started)
    return capture


async def _finish(
    exit: asyncio.Future[Reply], output: Capture, errors: Capture, shown: str
) -> Reply:
    full: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    output.on_full = errors.on_full = lambda: resolve(full)
    ends: set[asyncio.Future[Any]] = {exit, full}
    await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    if exit.done():
        output.drain()
        errors.drain()
    if output.full or errors.full:
        raise LimitExceeded(
            f"{shown} wrote more than {output.limit} bytes",
            limit="max_output",
            hint="raise max_output=, or stream it with spawn()",
        )
    return exit.result()


async def _kill(channel: Channel, pid: int, exit: asyncio.Future[Reply]) -> None:
    if pid:  # otherwise it had not started, and will not
        channel.signal_nowait(pid, signal.SIGKILL, Scope.SESSION)
        await exit
