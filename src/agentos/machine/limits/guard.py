"""Hold one machine to its limits, from before its first command to its end."""

from __future__ import annotations

import asyncio
import math
import resource
import signal
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from agentos.errors import IsolationUnavailable, LimitExceeded, MachineError
from agentos.machine.channel import Channel
from agentos.machine.limits import alarms, watchdog
from agentos.machine.limits.alarms import Alarm, Hits, Level, OnWarning
from agentos.machine.limits.choose import REMEDY, enforce
from agentos.machine.limits.limits import LEAST_DISK, Limits, LimitWarning
from agentos.machine.limits.rescue import Rescue
from agentos.machine.limits.stats import Stats, measure
from agentos.machine.limits.usage import Inside, Sight, disk_of, see
from agentos.machine.limits.watchdog import MemoryWatchdog
from agentos.machine.protocol import INIT_THREADS, Scope

if TYPE_CHECKING:
    from agentos.machine.isolation.backends import RunningMachine
    from agentos.machine.isolation.branch import Branch


class Guard:
    """Make control groups, put the machine in, and watch what the kernel does not.

    Args:
        limits: What to hold it to.
        on_warning: Told when the machine comes near a limit; nobody looks without it.

    Raises:
        IsolationUnavailable: A limit cannot be enforced on this host in any way.
    """

    def __init__(self, limits: Limits, on_warning: OnWarning | None = None) -> None:
        self._limits = limits
        self._on_warning = on_warning
        self._enforced = enforce(limits)
        self._dog: MemoryWatchdog | None = None
        self._rescue: Rescue | None = None
        self._sight: Sight | None = None
        self._inside: Inside | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._hits_watched: list[Hits] = []
        self._kills_seen = 0
        self._closing: asyncio.Future[None] | None = None
        self._machine: RunningMachine | None = None
        self._clock: asyncio.Task[None] | None = None
        self._deadline = asyncio.get_running_loop().time() + (limits.wall_time or 0)

    async def start(
        self, start: Callable[..., Awaitable[RunningMachine]], branch: Branch | None
    ) -> RunningMachine:
        """Start a machine under its limits, the first one or one that goes on after a fork.

        Args:
            start: Starts it, given `size` and `open_files`.
            branch: What it takes over from another machine.
        """
        below = _size_of_layers(branch)
        bound = self._disk_bound()
        arguments: dict[str, object] = {"open_files": self._limits.open_files}
        if bound is not None:
            arguments["size"] = _size_option(max(bound - below, LEAST_DISK))
        machine = await start(**arguments)
        try:
            await self._begin(machine, below)
        except BaseException:
            await machine.close()
            raise
        return machine

    def _disk_bound(self) -> int | None:
        disk, memory = self._limits.disk_bytes, self._limits.memory_bytes
        if self._enforced.ways["memory"] == "watchdog" and memory is not None:
            return memory if disk is None else min(disk, memory)  # no kill would free files
        return disk

    async def _begin(self, machine: RunningMachine, below: int) -> None:
        channel = machine.channel
        assert channel.init_pid is not None
        if channel.shares_host:
            self._refuse_what_needs_namespaces()
        if machine.commands is not channel:
            self._enforced.leave_pids_to_its_own_kernel()
            self._inside = Inside(machine.commands)
        self._enforced.attach(channel.init_pid)
        if self._enforced.ways["pids"] == "rlimit":
            assert self._limits.pids is not None
            if self._inside:
                await self._inside.bound(self._limits.pids)
            else:
                _bound_processes(channel.init_pid, self._limits.pids + INIT_THREADS)
        channel.explain = self._explain
        sight = await see(channel, below)
        await self._stop_watching()
        self._sight = sight
        memory = self._limits.memory_bytes
        if memory is not None and self._enforced.memory is None:
            self._dog = MemoryWatchdog(memory, sight, _killer(channel))
            self._watch(_repeat(channel, [self._dog], watchdog.INTERVAL))
        if memory is not None and machine.is_one_process:
            self._rescue = Rescue(memory, self._enforced.memory, machine.commands)
            self._watch(_watched(channel, self._rescue.watch()))
        if self._on_warning:
            self._watch(_repeat(channel, self._alarms(sight), alarms.INTERVAL, self._inside))
        self._machine = machine
        self._run_clock()

    @property
    def counts_processes_by_user(self) -> bool:
        """Whether who becomes several users inside would get the bound several times."""
        return self._enforced.ways["pids"] == "rlimit"

    def _refuse_what_needs_namespaces(self) -> None:
        self._enforced.ways["disk"] = "none"
        if self._enforced.ways["pids"] == "rlimit":
            raise IsolationUnavailable(
                "Limits(pids=) of this isolation needs a control group: "
                "without one the user's processes count together",
                code="limit_unavailable",
                hint=REMEDY,
            )
        if self._enforced.pids is not None:
            assert self._limits.pids is not None
            self._enforced.pids.limit(self._limits.pids + 1)  # its init is one thread

    def stop_clock(self) -> None:
        """Let no wall time pass until `start_clock`."""
        self._deadline = math.inf
        self._run_clock()

    def start_clock(self) -> None:
        """Count the wall time from now."""
        self._deadline = asyncio.get_running_loop().time() + (self._limits.wall_time or 0)
        self._run_clock()

    def _run_clock(self) -> None:
        lived, machine = self._limits.wall_time, self._machine
        if self._clock is not None:
            self._clock.cancel()  # it is awaited with all the others
        if lived is not None and machine is not None:
            self._clock = self._watch(_end_at(self._deadline, lived, machine))

    def _watch(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.append(task)
        return task

    def _alarms(self, sight: Sight) -> list[Alarm]:
        limits, warn = self._limits, self._warn
        memory, pids = self._enforced.memory or self._dog, self._enforced.pids
        levels: list[Level] = []
        hits: list[Hits] = []
        if memory and (bound := limits.memory_bytes):
            levels.append(Level("memory", memory.used, bound, warn))
            what = "used up, so a process was killed"
            hits.append(Hits("memory", self._memory_kills, bound, what, warn))
        if limits.pids:
            count = self._inside.latest if self._inside else sight.pids
            levels.append(Level("pids", count, limits.pids, warn))
            if pids:
                hits.append(Hits("pids", pids.refusals, limits.pids, "a fork was refused", warn))
        if limits.disk_bytes:
            bound = sight.disk().bound
            levels.append(Level("disk", lambda: sight.disk().used, bound, warn))
        self._hits_watched = hits
        return [*levels, *hits]

    def _warn(self, warning: LimitWarning) -> None:
        if self._on_warning:
            asyncio.get_running_loop().call_soon(self._on_warning, warning)

    def hits_from_now(self) -> Callable[[], Awaitable[str | None]]:
        """Return what names the limit that was run into since now, if any was."""
        kills, refusals = self._hits()

        async def hit() -> str | None:
            kills_now, refusals_now = self._hits()
            if kills_now > kills:
                return "memory"
            return "pids" if refusals_now > refusals or await self._no_pid_is_left() else None

        return hit

    def _explain(self) -> LimitExceeded | None:
        """Say why init ended, when the kernel has just killed somebody for memory."""
        seen = self._kills_seen
        if self._hits()[0] == seen:
            return None
        message = "the machine has ended: its memory was used up, and the kernel killed its init"
        return LimitExceeded(message, limit="memory", hint="raise Limits(memory=...)")

    def _hits(self) -> tuple[int, int]:
        pids = self._enforced.pids
        self._kills_seen = self._memory_kills()
        return self._kills_seen, pids.refusals() if pids else 0

    def _memory_kills(self) -> int:
        memory = self._enforced.memory or self._dog
        rescued = self._rescue.kills if self._rescue else 0
        return rescued + (memory.kills() if memory else 0)

    async def _no_pid_is_left(self) -> bool:
        """Whether a fork of the command that just ended would be refused: rlimits do not count."""
        if self._enforced.ways["pids"] != "rlimit" or self._sight is None:
            return False
        pids = await self._inside.pids() if self._inside else self._sight.pids()
        return pids + 1 >= (self._limits.pids or 0)

    async def stats(self) -> Stats:
        """Measure the machine."""
        assert self._sight is not None
        seen = measure(self._sight, self._enforced.ways)
        if self._inside:
            seen = replace(seen, pids=await self._inside.pids())
        memory, cpu = self._enforced.memory or self._dog, self._enforced.cpu
        if memory:
            seen = replace(seen, memory=memory.used(), memory_peak=memory.peak())
        return replace(seen, cpu_throttled=cpu.throttled()) if cpu else seen

    async def close(self) -> None:
        """Let go of all of it once the machine has ended. Safe to repeat."""
        if self._closing is None:
            self._closing = asyncio.ensure_future(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        await self._stop_watching()
        for hits in self._hits_watched:  # what was hit after the last look
            hits.look()
        await self._enforced.remove()

    async def _stop_watching(self) -> None:
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        if self._sight:
            self._sight.close()
            self._sight = None


def _size_of_layers(branch: Branch | None) -> int:
    """Measure what a branch stands on: its bound counts that, too."""
    if branch is None:
        return 0
    return sum(disk_of(layer).used for layer in branch.layers)


def _size_option(size: int) -> str:
    """Bound the number of files with their bytes: an empty one takes the kernel's memory."""
    return f"{size},nr_inodes={size // 2048 + 1024}"


def _bound_processes(init: int, number: int) -> None:
    """Bound the processes of init's user in its own user namespace, threads included."""
    _, hard = resource.prlimit(init, resource.RLIMIT_NPROC)
    most = number if hard == resource.RLIM_INFINITY else min(number, hard)
    resource.prlimit(init, resource.RLIMIT_NPROC, (most, most))


def _killer(channel: Channel) -> Callable[[int], None]:
    return lambda pid: channel.signal_nowait(pid, signal.SIGKILL, Scope.PROCESS)


async def _repeat(
    channel: Channel, looked_at: list[Alarm], interval: float, inside: Inside | None = None
) -> None:
    """Look until the machine ends."""

    async def look() -> None:
        while not channel.lost:
            if inside:
                await inside.pids()
            for alarm in looked_at:
                alarm.look()
            await asyncio.sleep(interval)

    await _watched(channel, look())


async def _watched(channel: Channel, looking: Awaitable[None]) -> None:
    """Have a machine looked at until it ends; one that cannot be watched any more is ended."""
    try:
        await looking
    except MachineError as error:  # it ended while we looked, or says what cannot be
        channel.lose(error)
    except OSError as error:
        channel.lose(MachineError(f"the machine's limits cannot be watched any more: {error}"))


async def _end_at(deadline: float, lived: float, machine: RunningMachine) -> None:
    await asyncio.sleep(deadline - asyncio.get_running_loop().time())
    machine.channel.lose(
        LimitExceeded(
            f"the machine lived for {lived:g} s, its limit",
            limit="wall_time",
            hint="raise Limits(wall_time=...)",
        )
    )
    await machine.close()
