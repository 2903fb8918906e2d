"""What a machine uses, read from its own `/proc` and its root."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from typing import NamedTuple

from agentos.machine.channel import Channel
from agentos.machine.processes import descendants, list_processes, look, thread_states
from agentos.machine.protocol import Op

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Task(NamedTuple):
    """One process of the machine; `rss` counts pages that it shares, too."""

    pid: int
    parent: int
    threads: int
    cpu_time: float
    rss: int


class Disk(NamedTuple):
    """Bytes of files in the machine, and how many there can be."""

    used: int
    bound: int


def disk_of(fd: int) -> Disk:
    """Measure the file system that a descriptor is on."""
    space = os.fstatvfs(fd)
    used = (space.f_blocks - space.f_bfree) * space.f_frsize
    return Disk(used, space.f_blocks * space.f_frsize)


@dataclass(frozen=True, slots=True)
class Sight:
    """Descriptors of a machine's `/proc` and root, through which it is seen from outside.

    `below` is the size of layers that it stands on since it was forked, in bytes. `init` is the
    pid of its init there; if it is not 1, others share the `/proc`, and `root` is the directory
    on the host that holds the machine's files.
    """

    proc: int
    root: int
    below: int = 0
    init: int = 1

    def close(self) -> None:
        """Let go of them."""
        os.close(self.proc)
        os.close(self.root)

    def tasks(self) -> list[Task]:
        """List the processes, without init."""
        found = (self._task(name) for name in os.listdir(self.proc) if name.isdigit())
        seen = {task.pid: task for task in found if task}
        ours = descendants({task.pid: task.parent for task in seen.values()}, self.init)
        return [seen[pid] for pid in ours]

    def cpu_time(self) -> float:
        """Return CPU seconds of all that runs and ran, to the kernel's tick of 10 ms."""
        init = self._task(str(self.init))
        return sum(task.cpu_time for task in self.tasks()) + (init.cpu_time if init else 0)

    def disk(self) -> Disk:
        """Measure the one file system that takes all that the machine writes, and below."""
        if self.init != 1:
            return _disk_within(self.root)
        above = disk_of(self.root)
        return Disk(above.used + self.below, above.bound + self.below)

    def memory(self) -> int:
        """Measure what all programs take, together with files that are in memory."""
        files = self.disk().used if self.init == 1 else 0
        return files + sum(self.memory_of(task) for task in self.tasks())

    def pids(self) -> int:
        """Count processes and threads."""
        return sum(task.threads for task in self.tasks())

    def memory_of(self, task: Task) -> int:
        """Return what a process holds, its part of what it shares with others; no file pages."""
        try:
            rollup = self._read(f"{task.pid}/smaps_rollup")
        except PermissionError:
            return task.rss  # a program that its user may run and not read, say
        return sum(
            int(line.split()[1]) * 1024
            for line in rollup.splitlines()
            if line.startswith((b"Pss_Anon:", b"Pss_Shmem:"))
        )

    def _task(self, pid: str) -> Task | None:
        status = self._read(f"{pid}/stat")
        if not status:
            return None
        fields = status.rpartition(b")")[2].split()
        own_and_reaped = sum(int(field) for field in fields[11:15])
        return Task(
            int(pid),
            int(fields[1]),
            int(fields[17]),
            own_and_reaped / _TICKS,
            int(fields[21]) * _PAGE,
        )

    def _read(self, path: str) -> bytes:
        """Return what a file of `/proc` says; nothing once its process has ended."""
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC, dir_fd=self.proc)
        except (FileNotFoundError, ProcessLookupError):
            return b""
        try:
            return os.read(fd, 4096)
        except ProcessLookupError:
            return b""
        finally:
            os.close(fd)


def _disk_within(directory: int) -> Disk:
    """Measure what files of a directory take, and what the host's disk has left."""
    used = 0
    for _, _, names, fd in os.fwalk(".", dir_fd=directory, onerror=None):
        for name in names:
            with contextlib.suppress(FileNotFoundError):  # the machine goes on meanwhile
                used += os.lstat(name, dir_fd=fd).st_blocks * 512
    space = os.fstatvfs(directory)
    return Disk(used, used + space.f_bavail * space.f_frsize)


class Inside:
    """What a kernel of the machine's own counts as processes; ours sees only that kernel."""

    def __init__(self, commands: Channel) -> None:
        self._commands = commands
        self._latest = 0

    async def bound(self, number: int) -> None:
        """Let there be no more processes and threads than these."""
        await self._commands.call(Op.BOUND, [], (number, 0, 0, 0), "processes")

    async def pids(self) -> int:
        """Count processes and threads."""
        async with look(self._commands) as proc:
            running = list_processes(proc)
            self._latest = sum(len(thread_states(proc, process.pid)) for process in running)
        return self._latest

    def latest(self) -> int:
        """Return what `pids` found last."""
        return self._latest


async def see(channel: Channel, below: int = 0) -> Sight:
    """Open what a machine is seen by; the caller closes it."""
    flags = (os.O_RDONLY | os.O_DIRECTORY, 0, 0, 0)
    proc = (await channel.call(Op.OPEN, [b"/proc"], flags)).fd
    try:
        top = os.fsencode(channel.places["HOME"]) if channel.shares_host else b"/"
        root = (await channel.call(Op.OPEN, [top], flags)).fd
    except BaseException:
        os.close(proc)
        raise
    return Sight(proc, root, below, channel.init_seen)
