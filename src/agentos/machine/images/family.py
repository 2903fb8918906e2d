"""End a process of the host with all that descends from it, in whichever session that is."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal

from agentos.machine.channel import resolve
from agentos.machine.processes import ProcDirectory, descendants, list_processes


async def end_family(pid: int) -> None:
    """Kill a child of ours and its descendants, and wait until none of them does anything more.

    Each is stopped before its children are looked for, so that none is born unseen.
    """
    with contextlib.ExitStack() as opened:
        held: dict[int, int] = {}
        while new := _descendants(pid) - held.keys():
            for member in new:
                with contextlib.suppress(ProcessLookupError):
                    held[member] = os.pidfd_open(member)
                    opened.callback(os.close, held[member])
                    _signal(held[member], signal.SIGSTOP)
        for pidfd in held.values():
            _signal(pidfd, signal.SIGKILL)
        for pidfd in held.values():
            await _end_of(pidfd)


def _descendants(pid: int) -> set[int]:
    """The process and those below it that are there now."""
    proc = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        parents = {process.pid: process.ppid for process in list_processes(ProcDirectory(proc))}
    finally:
        os.close(proc)
    return ({pid} & parents.keys()) | descendants(parents, pid)


def _signal(pidfd: int, number: int) -> None:
    # A set-user-ID program that it has started, such as newuidmap, is not ours to stop, and short.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        signal.pidfd_send_signal(pidfd, number)


async def _end_of(pidfd: int) -> None:
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    loop.add_reader(pidfd, resolve, ready)
    try:
        await ready
    finally:
        loop.remove_reader(pidfd)
