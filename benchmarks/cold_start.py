"""From `AgentOs()` to the first output byte of `echo hi`, nothing pre-warmed."""

from __future__ import annotations

import time

from measure import Figure, interleave, main, median_figure, tail_figure, yardstick

from agentos import AgentOs

ROUNDS = 200
NAME = "AgentOs() to the first byte of echo hi"


async def run_in_new_machine(parts: dict[str, list[float]]) -> float:
    """Make a machine, use it once, close it; return the seconds to the first byte."""
    made = time.perf_counter()
    async with AgentOs() as vm:
        started = time.perf_counter()
        async with await vm.spawn("echo hi") as process:
            assert process.stdout is not None
            assert await process.stdout.read(1) == b"h"
            seen = time.perf_counter()
            await process.wait()
        used = time.perf_counter()
    parts["of it, until the machine serves"].append(started - made)
    parts["close, until its last process is gone"].append(time.perf_counter() - used)
    return seen - made


async def measure() -> list[Figure]:
    start = time.perf_counter()
    async with AgentOs():
        first_ever = time.perf_counter() - start
    parts: dict[str, list[float]] = {
        "of it, until the machine serves": [],
        "close, until its last process is gone": [],
    }
    bare, (cold,) = await interleave(ROUNDS, lambda: run_in_new_machine(parts))
    return [
        yardstick(bare),
        median_figure(NAME, cold, bare, most_ratio=4),
        tail_figure(NAME, cold, bare, most_ratio=7),
        *[median_figure(name, seconds, bare) for name, seconds in parts.items()],
        Figure("the first machine ever, which makes the image", first_ever * 1e3, "ms", "once"),
    ]


if __name__ == "__main__":
    main(measure, __doc__)
