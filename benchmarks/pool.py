"""A machine out of a full pool: from `take()` to the first output byte of `echo hi`."""

from __future__ import annotations

import asyncio
import time

from measure import Figure, interleave, main, median_figure, yardstick

from agentos import AgentOs, MachinePool

ROUNDS = 200
SIZE = 4
REST = 0.05  # seconds for the pool to fill up: the time to make a machine is cold_start.py's


async def take_one(pool: MachinePool, parts: dict[str, list[float]]) -> float:
    """Take a machine, use it once, close it; return the seconds to the first byte."""
    asked = time.perf_counter()
    vm = await pool.take()
    taken = time.perf_counter()
    async with vm:
        await first_byte(vm)
        seen = time.perf_counter()
    parts["of it, until take() returned"].append(taken - asked)
    await asyncio.sleep(REST)
    return seen - asked


async def first_byte(vm: AgentOs) -> None:
    async with await vm.spawn("echo hi") as process:
        assert process.stdout is not None
        assert await process.stdout.read(1) == b"h"


async def take_many(pool: MachinePool, count: int) -> Figure:
    """Take one machine after the other, faster than they are made."""
    start = time.perf_counter()
    for _ in range(count):
        async with await pool.take() as vm:
            await first_byte(vm)
    rate = count / (time.perf_counter() - start)
    return Figure("taken, used and closed, one after the other", rate, "a second", f"{count} runs")


async def measure() -> list[Figure]:
    parts: dict[str, list[float]] = {"of it, until take() returned": []}
    async with MachinePool(SIZE) as pool:
        bare, (taken,) = await interleave(ROUNDS, lambda: take_one(pool, parts))
        return [
            yardstick(bare),
            median_figure("take() to the first byte of echo hi", taken, bare, most_ratio=1.6),
            *[median_figure(name, seconds, bare) for name, seconds in parts.items()],
            await take_many(pool, ROUNDS),
        ]


if __name__ == "__main__":
    main(measure, __doc__)
