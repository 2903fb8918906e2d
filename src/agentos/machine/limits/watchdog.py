"""Memory held to a bound without control groups: look often, and kill what holds most."""

from __future__ import annotations

from collections.abc import Callable

from agentos.machine.limits.usage import Sight

#: Seconds between looks. What a program takes in between is over the bound for that long.
INTERVAL = 0.05


class MemoryWatchdog:
    """Bounds what a machine's programs and files take together.

    Counted is private and shared memory that is mapped, and files; not page cache, nor a
    memfd that nobody has mapped.

    Args:
        bound: Bytes.
        sight: The machine, seen from outside.
        kill: Kills one process of it.
    """

    way = "watchdog"

    def __init__(self, bound: int, sight: Sight, kill: Callable[[int], None]) -> None:
        self._bound = bound
        self._sight = sight
        self._kill = kill
        self._peak = 0
        self._kills = 0

    def look(self) -> None:
        """Kill the largest processes until the rest fits."""
        files = self._sight.disk().used
        tasks = self._sight.tasks()
        if files + sum(task.rss for task in tasks) <= self._bound:
            return  # counting shared pages more than once, even
        sizes = {task.pid: self._sight.memory_of(task) for task in tasks}
        left = files + sum(sizes.values())
        self._peak = max(self._peak, left)
        for pid in sorted(sizes, key=sizes.__getitem__, reverse=True):
            if left <= self._bound:
                return
            self._kill(pid)
            self._kills += 1
            left -= sizes[pid]

    def used(self) -> int:
        """Return bytes in use now."""
        used = self._sight.memory()
        self._peak = max(self._peak, used)
        return used

    def peak(self) -> int:
        """Return the most that was seen."""
        return self._peak

    def kills(self) -> int:
        """Return how many processes were killed."""
        return self._kills
