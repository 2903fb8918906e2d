"""Start a command with live streams."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal

from agentos.machine.channel import Channel
from agentos.machine.launch import Launch
from agentos.machine.output_log import OutputLog
from agentos.machine.pipe_reader import PipeReader
from agentos.machine.process import Process, Redirect
from agentos.machine.protocol import Reply, Scope


class _Ends(contextlib.ExitStack):
    """Descriptors that are closed unless they were kept."""

    def own(self, fd: int) -> int:
        self.callback(os.close, fd)
        return fd


async def spawn(
    channel: Channel,
    launch: Launch,
    *,
    stdin: Redirect,
    stdout: Redirect,
    stderr: Redirect,
    limit: int,
    keep_output: int | None = None,
) -> Process:
    """Start a command with live streams, or with its output kept.

    Args:
        channel: To the init that runs it.
        launch: The command.
        stdin: Whether it is piped, like `stdout` and `stderr`.
        limit: Bounds a line, and twice of it what is buffered, in bytes.
        keep_output: How many bytes of output to keep, in place of streams.
    """
    if keep_output is not None and keep_output < 1:
        raise ValueError(f"at least one byte of output is kept, not {keep_output}")
    exit: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
    with _Ends() as ours, _Ends() as theirs:
        ends = [
            _open_end(redirect, n == 0, ours, theirs)
            for n, redirect in enumerate((stdin, stdout, stderr))
        ]
        reply = await launch.send(channel, [machine_end for _, machine_end in ends], exit)
        theirs.close()
        process = Process(channel, reply.a, exit, reply.b)
        host_ends = [host_end for host_end, _ in ends]
        ours.pop_all()  # from here on the transports own them
        try:
            await _connect(process, host_ends, limit, keep_output)
        except BaseException:
            process.close()
            channel.signal_nowait(reply.a, signal.SIGKILL, Scope.SESSION)
            raise
    if exit.done():  # before its streams were there to be let go of
        process._on_end(exit)
    return process


def _open_end(
    redirect: Redirect, writes: bool, ours: _Ends, theirs: _Ends
) -> tuple[int | None, int]:
    if redirect == "null":
        return None, theirs.own(os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC))
    read_end, write_end = os.pipe2(os.O_CLOEXEC)
    host_end, machine_end = (write_end, read_end) if writes else (read_end, write_end)
    os.set_blocking(host_end, False)
    return ours.own(host_end), theirs.own(machine_end)


async def _connect(
    process: Process, ends: list[int | None], limit: int, keep_output: int | None
) -> None:
    stdin, stdout, stderr = ends
    if stdin is not None:
        process.stdin = await _writer(stdin)
    if keep_output is not None:
        process._log = OutputLog(keep_output, {"stdout": stdout, "stderr": stderr})
        return
    for name, fd in (("stdout", stdout), ("stderr", stderr)):
        if fd is not None:
            reader = PipeReader(fd, limit)
            setattr(process, name, reader)
            process._readers.append(reader)


async def _writer(fd: int) -> asyncio.StreamWriter:
    loop = asyncio.get_running_loop()
    # A reader's protocol is the one of asyncio's that offers flow control and a close to wait for.
    unread = asyncio.StreamReader(loop=loop)
    transport, protocol = await loop.connect_write_pipe(
        lambda: asyncio.StreamReaderProtocol(unread, loop=loop), os.fdopen(fd, "wb", buffering=0)
    )
    return asyncio.StreamWriter(transport, protocol, None, loop)
