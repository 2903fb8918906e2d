"""A thousand machines alive at once, each of which runs one command a second.

Not among those that `run.py` runs: it needs half a gigabyte, and the host for itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import time
from pathlib import Path

from many_machines import allow_many_descriptors, of_all
from measure import Figure, main

from agentos import AgentOs

MACHINES = 1000
SECONDS = 10
WARM_UP = 1  # rounds that are not counted
AT_ONCE = 16  # machines made at the same moment


async def use_each_second(vm: AgentOs, first: float, waits: list[float]) -> None:
    """Run a command at a time of its own in each second, and note how long it took from then."""
    for n in range(WARM_UP + SECONDS):
        due = first + n
        await asyncio.sleep(max(0, due - time.perf_counter()))
        await vm.exec("true", check=True)
        if n >= WARM_UP:
            waits.append(time.perf_counter() - due)


async def make(stack: contextlib.AsyncExitStack) -> list[AgentOs]:
    vms = [AgentOs() for _ in range(MACHINES)]
    for vm in vms:
        stack.push_async_callback(vm.close)
    for n in range(0, MACHINES, AT_ONCE):
        await of_all(AgentOs.start, vms[n : n + AT_ONCE])
    return vms


def available() -> int:
    """Return the bytes of memory that the host has to give."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))


async def measure() -> list[Figure]:
    allow_many_descriptors()
    async with AgentOs() as vm:
        await vm.exec("true")
    waits: list[float] = []
    async with contextlib.AsyncExitStack() as stack:
        memory, start = available(), time.perf_counter()
        vms = await make(stack)
        made = time.perf_counter() - start
        processor = time.process_time()
        first = time.perf_counter() + 0.1
        async with asyncio.TaskGroup() as group:
            for n, vm in enumerate(vms):
                group.create_task(use_each_second(vm, first + n / MACHINES, waits))
        processor = time.process_time() - processor
        memory -= available()
    cuts = [cut * 1e3 for cut in statistics.quantiles(waits, n=100)]
    share = 100 * processor / (WARM_UP + SECONDS)
    p99 = f"p10 {cuts[9]:.3g}, p50 {cuts[49]:.3g}, p90 {cuts[89]:.3g}; {len(waits)} runs"
    name = f"exec in each of {MACHINES} machines once a second, p99"
    return [
        Figure(name, cuts[98], "ms", p99, most=50),
        Figure("of one processor, for Python meanwhile", share, "%"),
        Figure(f"{MACHINES} machines made", MACHINES / made, "a second", f"{AT_ONCE} at once"),
        Figure("memory of the host for each", memory / MACHINES / 1e6, "MB", "MemAvailable"),
    ]


if __name__ == "__main__":
    main(measure, __doc__)
