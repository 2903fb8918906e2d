"""Control groups of the second version: one hierarchy with files of all controllers."""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path

from agentos.machine.limits.cgroup import Group

_PERIOD_US = 100_000
#: Where a delegated group's own processes move: one that has processes hands nothing on.
_HOST = "agentos-host"


class GroupV2(Group):
    """A group of this version."""

    way = "cgroup v2"


class Memory(GroupV2):
    """The memory controller."""

    def limit(self, size: int) -> None:
        self.write("memory.max", str(size))
        self.write_if_there("memory.swap.max", "0")

    def used(self) -> int:
        """Bytes that cannot simply be dropped: pages of files on the host's disks can."""
        droppable = sum(
            self.entry("memory.stat", name) for name in ("inactive_file", "active_file")
        )
        return max(0, int(self.read("memory.current")) - droppable)

    def peak(self) -> int:
        with contextlib.suppress(FileNotFoundError):  # Linux 5.19
            return int(self.read("memory.peak"))
        return int(self.read("memory.current"))

    def kills(self) -> int:
        return self.entry("memory.events", "oom_kill")


class Cpu(GroupV2):
    """The CPU controller."""

    def limit(self, cpus: float) -> None:
        self.write("cpu.max", f"{round(cpus * _PERIOD_US)} {_PERIOD_US}")

    def throttled(self) -> float:
        return self.entry("cpu.stat", "throttled_usec") / 1e6


class Pids(GroupV2):
    """The process number controller."""

    def limit(self, number: int) -> None:
        self.write("pids.max", str(number))

    def lift(self) -> None:
        self.write("pids.max", "max")

    def refusals(self) -> int:
        return self.entry("pids.events", "max")


def parent_of_new_groups(own: Path) -> Path:
    """Return the group below which machines go, given this process's own."""
    return own.parent if own.name == _HOST else own


def hand_on(base: Path, controller: str) -> None:
    """Make the groups below `base` have a controller's files.

    Raises:
        OSError: `base` has no such controller, or may not be changed.
    """
    group = Group(base)
    if controller not in group.read("cgroup.controllers").split():
        raise FileNotFoundError(errno.ENOENT, "no such controller here", controller)
    if controller in group.read("cgroup.subtree_control").split():
        return
    try:
        group.write("cgroup.subtree_control", f"+{controller}")
    except OSError as error:
        if error.errno != errno.EBUSY or not _delegated(base):
            raise
        _move_processes_down(group)
        group.write("cgroup.subtree_control", f"+{controller}")


def _delegated(base: Path) -> bool:
    """Whether this group was given to us to arrange: systemd marks it, or made it ours."""
    for mark in ("user.delegate", "trusted.delegate"):
        with contextlib.suppress(OSError):
            if os.getxattr(base, mark) == b"1":
                return True
    owner = base.stat().st_uid
    return owner != 0 and owner == os.geteuid()


def _move_processes_down(group: Group) -> None:
    host = Group(group.path / _HOST)
    host.path.mkdir(exist_ok=True)
    for pid in group.read("cgroup.procs").split():
        with contextlib.suppress(ProcessLookupError):
            host.attach(int(pid))
