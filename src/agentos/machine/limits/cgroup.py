"""A control group: a directory of the kernel's with one controller's files."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Protocol

_PREFIX = "agentos"
_numbers = count(1)
_ATTEMPTS = 100


class Group:
    """One directory; the controllers' modules say what its files mean."""

    way = "cgroup"

    def __init__(self, path: Path) -> None:
        self.path = path

    def attach(self, pid: int) -> None:
        """Put a process in; what it starts from now on is in too."""
        self.write("cgroup.procs", str(pid))

    def read(self, name: str) -> str:
        """Return what a file says."""
        return (self.path / name).read_text(encoding="ascii")

    def write(self, name: str, value: str) -> None:
        """Tell the kernel; what it does not accept is an `OSError`."""
        fd = os.open(self.path / name, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(fd, value.encode("ascii"))
        finally:
            os.close(fd)

    def write_if_there(self, name: str, value: str) -> None:
        """Tell the kernel what not every kernel wants to know."""
        with contextlib.suppress(FileNotFoundError):
            self.write(name, value)

    def entry(self, name: str, key: str) -> int:
        """Return one figure of a file of `key value` lines; 0 where it is not counted."""
        for line in self.read(name).splitlines():
            word, _, value = line.partition(" ")
            if word == key:
                return int(value)
        return 0


class MemoryGroup(Protocol):
    """Bounds memory; the kernel kills a process when it is used up."""

    way: str

    def limit(self, size: int) -> None: ...
    def used(self) -> int: ...
    def peak(self) -> int: ...
    def kills(self) -> int: ...


class CpuGroup(Protocol):
    """Bounds CPU time; who used up a period's share waits for the next."""

    way: str

    def limit(self, cpus: float) -> None: ...
    def throttled(self) -> float: ...


class PidsGroup(Protocol):
    """Bounds processes and threads; a fork beyond is refused."""

    way: str

    def limit(self, number: int) -> None: ...
    def lift(self) -> None: ...
    def refusals(self) -> int: ...


def new_name() -> str:
    """Name a group after this process, so that others can tell when its owner is gone."""
    return f"{_PREFIX}-{_own_identity()}-{next(_numbers)}"


def _own_identity() -> str:
    return f"{_pid_namespace()}-{os.getpid()}-{_start_time(os.getpid())}"


def _pid_namespace() -> int:
    return os.stat("/proc/self/ns/pid").st_ino


def _start_time(pid: int) -> int | None:
    """When a process started, in clock ticks after boot; None if there is none."""
    try:
        status = Path(f"/proc/{pid}/stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return int(status.rpartition(b")")[2].split()[19])


def sweep(base: Path) -> None:
    """Remove groups whose owner was killed before it could."""
    for path in _orphans(base):
        with contextlib.suppress(FileNotFoundError):
            try_remove(path)


def _orphans(base: Path) -> Iterator[Path]:
    """Groups of ended processes; of other process namespaces nothing can be known."""
    for path in base.glob(f"{_PREFIX}-*-*-*-*"):
        numbers = path.name.split("-")[1:]
        if len(numbers) != 4 or not all(word.isdigit() for word in numbers):
            continue
        namespace, pid, started = (int(word) for word in numbers[:3])
        if namespace == _pid_namespace() and _start_time(pid) != started:
            yield path


def try_remove(path: Path) -> bool:
    """Remove a group unless there still is somebody in it."""
    try:
        path.rmdir()
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
        return False
    return True


async def remove(path: Path) -> None:
    """Remove a group whose processes have been killed; the kernel may need a moment more.

    One that stays busy is left to the next sweep.
    """
    with contextlib.suppress(FileNotFoundError):
        for attempt in range(_ATTEMPTS):
            if try_remove(path):
                return
            await asyncio.sleep(0.001 * attempt)
