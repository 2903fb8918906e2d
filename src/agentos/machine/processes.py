"""What runs in a machine, read from its own `/proc`."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

from agentos.errors import MachineError
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


@dataclass(frozen=True, slots=True)
class ProcessTree:
    """A process of a machine, and those below it.

    Attributes:
        process: The process.
        children: What it started and is still the parent of, by pid.
    """

    process: ProcessInfo
    children: tuple[ProcessTree, ...]


class Proc(Protocol):
    """A machine's `/proc`: what its files say, and the numbers in its directories.

    Attributes:
        init: The pid of the machine's init there.
    """

    @property
    def init(self) -> int: ...
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
        yield ProcDirectory(fd, channel.init_seen)
    finally:
        os.close(fd)


def list_processes(proc: Proc) -> list[ProcessInfo]:
    """List the processes of a machine.

    Left out are init, and what has ended and waits for init to reap it; and where init is not
    pid 1, so that others share the `/proc`, what does not come from it.
    """
    found = (_read_process(proc, pid) for pid in proc.numbers(""))
    seen = {p.pid: p for p in found if p}
    ours = descendants({p.pid: p.ppid for p in seen.values()}, proc.init)
    alive = (p for p in map(seen.__getitem__, ours) if p.state != "Z" or p.ppid != proc.init)
    return sorted(alive, key=lambda p: p.pid)


def trees_of(processes: list[ProcessInfo]) -> list[ProcessTree]:
    """Arrange processes by who started whom; whose parent is not among them is a top."""
    children: dict[int, list[ProcessInfo]] = {}
    for process in processes:
        children.setdefault(process.ppid, []).append(process)
    trees: dict[int, ProcessTree] = {}
    pids = {process.pid for process in processes}
    tops = [process for process in processes if process.ppid not in pids]
    ahead = list(tops)
    for process in ahead:
        ahead += children.get(process.pid, ())
    for process in reversed(ahead):  # those below come first
        below = tuple(trees[child.pid] for child in children.get(process.pid, ()))
        trees[process.pid] = ProcessTree(process, below)
    return [trees[top.pid] for top in tops]


def descendants(parents: Mapping[int, int], init: int) -> set[int]:
    """Return what comes from init, without init itself; from pid 1 everything does.

    Args:
        parents: The parent of each process.
        init: Where to start; whoever loses his parent becomes its child.
    """
    if init == 1:
        return parents.keys() - {1}
    children: dict[int, list[int]] = {}
    for pid, parent in parents.items():
        children.setdefault(parent, []).append(pid)
    found: set[int] = set()
    ahead = [init]
    while ahead:
        below = children.get(ahead.pop(), [])
        found.update(below)
        ahead += below
    return found


def thread_states(proc: Proc, pid: int) -> list[str]:
    """Return the kernel's letters of a process's threads that have not ended."""
    stats = [proc.read(f"{pid}/task/{thread}/stat") for thread in proc.numbers(f"{pid}/task")]
    states = [os.fsdecode(_fields(stat)[0]) for stat in stats if stat]
    return [state for state in states if state not in "ZX"]


def resident_memory(proc: Proc) -> dict[int, int]:
    """Return the bytes that each process but init holds, pages that it shares included."""
    stats = {int(pid): proc.read(f"{pid}/stat") for pid in proc.numbers("")}
    pages = {pid: _number(_fields(stat)[21]) for pid, stat in stats.items() if stat}
    return {pid: pages[pid] * _PAGE for pid in pages if pid != proc.init}


def _read_process(proc: Proc, pid: str) -> ProcessInfo | None:
    status = proc.read(f"{pid}/stat")
    if not status:
        return None  # it ended while we looked
    fields, name = _fields(status), status.partition(b"(")[2].rpartition(b")")[0]
    state = os.fsdecode(fields[0])
    if state == "Z":  # its first thread ended; others may go on
        state = next(iter(thread_states(proc, int(pid))), "Z")
    command = (proc.read(f"{pid}/cmdline") or b"").rstrip(b"\0")
    ppid, pgid, sid, started = (_number(fields[i]) for i in (1, 2, 3, 19))
    return ProcessInfo(
        pid=int(pid),
        ppid=ppid,
        pgid=pgid,
        sid=sid,
        state=state,
        started=started,
        executable=os.fsdecode(name),
        command=tuple(os.fsdecode(word) for word in command.split(b"\0")) if command else (),
    )


def _fields(stat: bytes) -> list[bytes]:
    """What comes after the name, which may hold anything."""
    fields = stat.rpartition(b")")[2].split()
    if len(fields) < _FIELDS:
        raise _broken()
    return fields


def _number(field: bytes) -> int:
    if not field.lstrip(b"-").isdigit():
        raise _broken()
    return int(field)


class ProcDirectory:
    """A descriptor of the machine's `/proc`."""

    def __init__(self, fd: int, init: int = 1) -> None:
        self._fd = fd
        self.init = init

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

    def __init__(self, files: dict[str, bytes], init: int) -> None:
        self._files = files
        self.init = init
        self._numbers: dict[str, dict[str, None]] = {}
        for file in files:
            above = ""
            for name in file.split("/"):
                self._numbers.setdefault(above, {})[name] = None
                above = f"{above}/{name}" if above else name

    def numbers(self, path: str) -> list[str]:
        return [name for name in self._numbers.get(path, ()) if name.isdigit()]

    def read(self, path: str) -> bytes | None:
        return self._files.get(path)


async def _records(channel: Channel) -> _Records:
    """Fetch them piece by piece; the first request of a round has init look anew."""
    written = b""
    async with channel.listing:
        while True:
            at = (len(written), 0, 0, 0)
            reply = await channel.call(Op.PROCESSES, [], at, "/proc")
            written += reply.data
            if len(written) == reply.a:
                return _Records(_files_of(written), reply.b)
            if not reply.data or not len(written) < reply.a <= _MOST_WRITTEN:
                raise _broken()


def _files_of(written: bytes) -> dict[str, bytes]:
    """Take records apart: each a path with its NUL, a size, and what the file says."""
    files, at = {}, 0
    while at < len(written):
        name_ends = written.find(b"\0", at)
        starts = name_ends + 1 + _SIZE
        ends = starts + int.from_bytes(written[name_ends + 1 : starts], sys.byteorder)
        if name_ends < 0 or max(starts, ends) > len(written):
            raise _broken()
        files[os.fsdecode(written[at:name_ends])] = written[starts:ends]
        at = ends
    return files


_FIELDS = 22
_PAGE = os.sysconf("SC_PAGE_SIZE")
_SIZE = 4
_MOST_WRITTEN = 2**28


def _broken() -> MachineError:
    return MachineError("the list of the machine's processes is none", code="guest_broken")
