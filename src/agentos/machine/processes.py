"""What runs in a machine, read from its own `/proc`."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

from agentos.machine.channel import Channel
from agentos.machine.protocol import Op


@dataclass(frozen=True, slots=True)
class ProcessInfo:
    """One process of a machine; every id is the machine's own.

    Attributes:
        started: When it started, in clock ticks after boot: orders processes, tells a reused pid.
        state: The kernel's letter: R, S, D, T, Z, ...
        command: Its command line; empty for a zombie.
        executable: The base name of its program, cut to 15 characters by the kernel.
    """

    pid: int
    ppid: int
    pgid: int
    sid: int
    state: str
    started: int
    executable: str
    command: tuple[str, ...]


class Proc(Protocol):
    """A machine's `/proc`: what its files say, and the numbers in its directories."""

    def read(self, path: str) -> bytes | None: ...
    def numbers(self, path: str) -> list[str]: ...


@asynccontextmanager
async def look(channel: Channel) -> AsyncIterator[Proc]:
    """Look at what the init of a channel runs: as it is now, or as it was a moment ago.

    Args:
        channel: To the init that runs the commands.
    """
    if not channel.hands_out:
        yield await _records(channel)
        return
    flags = (os.O_RDONLY | os.O_DIRECTORY, 0, 0, 0)
    fd = (await channel.call(Op.OPEN, [b"/proc"], flags)).fd
    try:
        yield ProcDirectory(fd)
    finally:
        os.close(fd)


def list_processes(proc: Proc) -> list[ProcessInfo]:
    """List the processes of a machine.

    Left out are init, and what has ended and waits for init to reap it.
    """
    found = (_read_process(proc, pid) for pid in proc.numbers(""))
    alive = (p for p in found if p and p.pid != 1 and not (p.state == "Z" and p.ppid == 1))
    return sorted(alive, key=lambda p: p.pid)


def thread_states(proc: Proc, pid: int) -> list[str]:
    """Return the kernel's letters of a process's threads that have not ended."""
    stats = [proc.read(f"{pid}/task/{thread}/stat") for thread in proc.numbers(f"{pid}/task")]
    states = [stat.rpartition(b")")[2].split()[0].decode() for stat in stats if stat]
    return [state for state in states if state not in "ZX"]


def _read_process(proc: Proc, pid: str) -> ProcessInfo | None:
    status = proc.read(f"{pid}/stat")
    if not status:
        return None  # it ended while we looked
    name, _, rest = status.partition(b"(")[2].rpartition(b")")
    fields = rest.split()
    state = fields[0].decode()
    if state == "Z":  # its first thread ended; others may go on
        state = next(iter(thread_states(proc, int(pid))), "Z")
    command = (proc.read(f"{pid}/cmdline") or b"").rstrip(b"\0")
    return ProcessInfo(
        pid=int(pid),
        ppid=int(fields[1]),
        pgid=int(fields[2]),
        sid=int(fields[3]),
        state=state,
        started=int(fields[19]),
        executable=os.fsdecode(name),
        command=tuple(os.fsdecode(word) for word in command.split(b"\0")) if command else (),
    )


class ProcDirectory:
    """A descriptor of the machine's `/proc`."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def numbers(self, path: str) -> list[str]:
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
        try:
            fd = os.open(path or ".", flags, dir_fd=self._fd)
        except (FileNotFoundError, ProcessLookupError):
            return []
        try:
            return [name for name in os.listdir(fd) if name.isdigit()]
        finally:
            os.close(fd)

    def read(self, path: str) -> bytes | None:
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC, dir_fd=self._fd)
        except (FileNotFoundError, ProcessLookupError):
            return None
        try:
            chunks = []
            while chunk := os.read(fd, 65536):
                chunks.append(chunk)
            return b"".join(chunks)
        except ProcessLookupError:
            return None
        finally:
            os.close(fd)


class _Records:
    """What an init wrote of its `/proc`."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self._files = files

    def numbers(self, path: str) -> list[str]:
        below = path and f"{path}/"
        found = (file[len(below) :].split("/")[0] for file in self._files if file.startswith(below))
        return [name for name in dict.fromkeys(found) if name.isdigit()]

    def read(self, path: str) -> bytes | None:
        return self._files.get(path)


async def _records(channel: Channel) -> _Records:
    with os.fdopen(os.memfd_create("processes"), "r+b") as file:
        reply = await channel.send(Op.PROCESSES, [], fds=[file.fileno()])
        if reply.error:
            raise OSError(reply.error, os.strerror(reply.error), "/proc")
        rest, files = file.read(), {}
    while rest:
        path, _, rest = rest.partition(b"\0")
        size = int.from_bytes(rest[:4], sys.byteorder)
        files[path.decode()] = rest[4 : 4 + size]
        rest = rest[4 + size :]
    return _Records(files)
