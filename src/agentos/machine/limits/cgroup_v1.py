"""Control groups of the first version: a hierarchy for each controller."""

from __future__ import annotations

import contextlib

from agentos.machine.limits.cgroup import Group

_PERIOD_US = 100_000


class GroupV1(Group):
    """A group of this version."""

    way = "cgroup v1"


class Memory(GroupV1):
    """The memory controller."""

    def limit(self, size: int) -> None:
        self.write("memory.limit_in_bytes", str(size))
        self.write_if_there("memory.memsw.limit_in_bytes", str(size))  # no swap beyond it

    def used(self) -> int:
        """Bytes that cannot simply be dropped: pages of files on the host's disks can."""
        droppable = sum(
            self.entry("memory.stat", name) for name in ("total_inactive_file", "total_active_file")
        )
        return max(0, int(self.read("memory.usage_in_bytes")) - droppable)

    def peak(self) -> int:
        return int(self.read("memory.max_usage_in_bytes"))

    def kills(self) -> int:
        return self.entry("memory.oom_control", "oom_kill")


class Cpu(GroupV1):
    """The CPU controller."""

    def limit(self, cpus: float) -> None:
        self.write("cpu.cfs_period_us", str(_PERIOD_US))
        self.write("cpu.cfs_quota_us", str(round(cpus * _PERIOD_US)))

    def throttled(self) -> float:
        return self.entry("cpu.stat", "throttled_time") / 1e9


class Pids(GroupV1):
    """The process number controller."""

    def limit(self, number: int) -> None:
        self.write("pids.max", str(number))

    def lift(self) -> None:
        self.write("pids.max", "max")

    def refusals(self) -> int:
        with contextlib.suppress(FileNotFoundError):
            return self.entry("pids.events", "max")
        return 0
