"""Run a program with all that it starts: bounded output, and nothing left when it is over."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from agentos.hub.parent_death import ending_with_parent

_CHUNK = 65_536
_GRACE = 2.0  # seconds between the request to end and the end
_LEFT_BEHIND = 1.0  # seconds that the output of a program that is over may still take


@asynccontextmanager
async def process_group(
    command: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    stdin: bool = False,
    stderr: int = asyncio.subprocess.PIPE,
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Start a program as the leader of a session of its own, without a terminal.

    The whole group is killed when the context is left, however that happens. If this process is
    killed meanwhile, the program is told to end.

    Raises:
        FileNotFoundError: There is no such program, or no such directory.
    """
    process = await asyncio.create_subprocess_exec(
        *ending_with_parent(command, cwd=cwd, env=env),
        cwd=cwd,
        env=dict(env),
        stdin=asyncio.subprocess.PIPE if stdin else asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=stderr,
        start_new_session=True,
    )
    ending = asyncio.create_task(_end_with_leader(process))
    try:
        yield process
    finally:
        ending.cancel()
        await _reap(process)


async def exit_code(process: asyncio.subprocess.Process) -> int:
    """Wait for a program; `Process.wait` would wait for all that hold its pipes."""
    pause = 0.001
    while process.returncode is None:
        await asyncio.sleep(pause)
        pause = min(pause * 2, 0.05)
    return process.returncode


async def _end_with_leader(process: asyncio.subprocess.Process) -> None:
    """Once a program is over, end what it left behind, and its output."""
    await exit_code(process)
    _signal(process.pid, signal.SIGKILL)
    await asyncio.sleep(_LEFT_BEHIND)
    _close(process)


async def _reap(process: asyncio.subprocess.Process) -> None:
    """End a program and wait for it; a cancellation meanwhile waits for it too."""
    ending = asyncio.ensure_future(_end(process))
    cancelled: asyncio.CancelledError | None = None
    while not ending.done():
        try:
            await asyncio.shield(ending)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled


async def _end(process: asyncio.subprocess.Process) -> None:
    """Let a program tidy up, as git does with its locks, and then kill it with its group."""
    if process.returncode is None:
        _signal(process.pid, signal.SIGTERM)
        try:
            async with asyncio.timeout(_GRACE):
                await exit_code(process)
        except TimeoutError:
            pass  # it does not listen
    _signal(process.pid, signal.SIGKILL)
    await exit_code(process)
    _close(process)


def _signal(group: int, number: signal.Signals) -> None:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        pass  # it is over, or what is left of it became another user's


def _close(process: asyncio.subprocess.Process) -> None:
    """Close the pipes on this side; a stranger who left the group may hold the others."""
    transport: asyncio.SubprocessTransport = process._transport  # type: ignore[attr-defined]
    transport.close()


async def read_bounded(stream: asyncio.StreamReader | None, limit: int) -> tuple[bytes, bool]:
    """Read to the end, keep the first `limit` bytes, and say whether that was all."""
    if stream is None:
        return b"", True
    kept = bytearray()
    whole = True
    while chunk := await stream.read(_CHUNK):
        room = limit - len(kept)
        whole = whole and len(chunk) <= room
        kept += chunk[:room]
    return bytes(kept), whole


async def feed(stream: asyncio.StreamWriter | None, data: bytes) -> None:
    """Write a program's input; one that ends without reading it says so by its exit code."""
    if stream is None:
        return
    try:
        stream.write(data)
        await stream.drain()
        stream.close()
        await stream.wait_closed()
    except (BrokenPipeError, ConnectionResetError):
        pass
