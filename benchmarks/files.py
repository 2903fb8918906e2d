"""Reading and writing a small file of a running machine."""

from __future__ import annotations

import time

from measure import Figure, interleave, main, median_figure, yardstick

from agentos import AgentOs

ROUNDS = 500
CONTENT = b"x" * 1024


async def read(vm: AgentOs) -> float:
    start = time.perf_counter()
    content = await vm.read_file("file")
    seconds = time.perf_counter() - start
    assert content == CONTENT
    return seconds


async def write(vm: AgentOs) -> float:
    start = time.perf_counter()
    await vm.write_file("file", CONTENT)
    return time.perf_counter() - start


async def measure() -> list[Figure]:
    async with AgentOs() as vm:
        await vm.write_file("file", CONTENT)
        bare, (reads, writes) = await interleave(ROUNDS, lambda: read(vm), lambda: write(vm))
    return [
        yardstick(bare),
        median_figure("read_file of 1 KB", reads, bare, most=0.1),
        median_figure("write_file of 1 KB", writes, bare, most=0.15),
    ]


if __name__ == "__main__":
    main(measure, __doc__)
