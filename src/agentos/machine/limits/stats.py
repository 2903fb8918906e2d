"""What a machine uses at a moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from agentos.machine.channel import Channel
from agentos.machine.limits.choose import ways_without_limits
from agentos.machine.limits.usage import Inside, Sight, see


@dataclass(frozen=True, slots=True)
class Stats:
    """What a machine uses, and what holds it to its limits.

    Attributes:
        memory: Bytes that its programs and its files take; pages of the host's files that can
            be dropped do not count.
        memory_peak: The most there was; without a control group the most that was seen.
        cpu_time: CPU seconds of all that runs and ran in it.
        cpu_throttled: Seconds for which it was held back by `Limits(cpus=)`, over all CPUs.
        pids: Processes and threads, without its init.
        disk: Bytes of all files in it.
        disk_limit: Bytes of files that it may hold.
        enforced: For each limit what is in force: `"cgroup v1"`, `"cgroup v2"`, `"rlimit"`,
            `"tmpfs"`, `"watchdog"`, `"timer"`, or `"none"`.
    """

    memory: int
    memory_peak: int
    cpu_time: float
    cpu_throttled: float
    pids: int
    disk: int
    disk_limit: int
    enforced: Mapping[str, str]


def measure(sight: Sight, ways: Mapping[str, str]) -> Stats:
    """Measure a machine by what everybody can see of it."""
    memory, disk = sight.memory(), sight.disk()
    return Stats(
        memory=memory,
        memory_peak=memory,
        cpu_time=sight.cpu_time(),
        cpu_throttled=0.0,
        pids=sight.pids(),
        disk=disk.used,
        disk_limit=disk.bound,
        enforced=dict(ways),
    )


async def stats_without_limits(channel: Channel, commands: Channel) -> Stats:
    """Measure a machine that was given no limits."""
    sight = await see(channel)
    try:
        seen = measure(sight, ways_without_limits(disk="none" if channel.shares_host else "tmpfs"))
    finally:
        sight.close()
    return seen if commands is channel else replace(seen, pids=await Inside(commands).pids())
