"""What runs in a machine, read from its own `/proc`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass


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


def list_processes(proc: int, init: int = 1) -> list[ProcessInfo]:
    """List the processes below a descriptor of the machine's `/proc`.

    Left out are init, and what has ended and waits for init to reap it; and where init is not
    pid 1, so that others share the `/proc`, what does not come from it.
    """
    found = (_read_process(proc, name) for name in os.listdir(proc) if name.isdigit())
    seen = {p.pid: p for p in found if p}
    ours = descendants({p.pid: p.ppid for p in seen.values()}, init)
    alive = (p for p in map(seen.__getitem__, ours) if p.state != "Z" or p.ppid != init)
    return sorted(alive, key=lambda p: p.pid)


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


def thread_states(proc: int, pid: int) -> list[str]:
    """Return the kernel's letters of a process's threads that have not ended."""
    try:
        fd = os.open(f"{pid}/task", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=proc)
    except (FileNotFoundError, ProcessLookupError):
        return []
    try:
        stats = [_read(fd, f"{thread}/stat") for thread in os.listdir(fd)]
    finally:
        os.close(fd)
    states = [stat.rpartition(b")")[2].split()[0].decode() for stat in stats if stat]
    return [state for state in states if state not in "ZX"]


def _read_process(proc: int, pid: str) -> ProcessInfo | None:
    status = _read(proc, f"{pid}/stat")
    if not status:
        return None  # it ended while we looked
    name, _, rest = status.partition(b"(")[2].rpartition(b")")
    fields = rest.split()
    state = fields[0].decode()
    if state == "Z":  # its first thread ended; others may go on
        state = next(iter(thread_states(proc, int(pid))), "Z")
    command = (_read(proc, f"{pid}/cmdline") or b"").rstrip(b"\0")
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


def _read(proc: int, path: str) -> bytes | None:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC, dir_fd=proc)
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
