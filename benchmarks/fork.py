"""`fork()` of a machine that changed 10,000 files, to the end of a command in the branch."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from measure import Figure, interleave, main, median_figure, yardstick

from agentos import AgentOs

ROUNDS = 20
FEW, MANY = 10, 10_000
DIRECTORIES = 10
CHANGE = """
for n in $(seq {directories}); do
    mkdir $n
    for i in $(seq {files}); do echo $i > $n/$i; done
done
"""
REST = 0.02  # seconds for the kernel to be done with what came before

Parts = dict[str, list[float]]


async def change(parent: AgentOs, count: int) -> None:
    """Let the machine write so many files."""
    script = CHANGE.format(directories=DIRECTORIES, files=count // DIRECTORIES)
    await parent.exec(script, check=True)


async def fork_and_use(parent: AgentOs, parts: Parts) -> float:
    """Fork, run `true` in a shell of the child; return the seconds to its end."""
    start = time.perf_counter()
    (child,) = await parent.fork()
    forked = time.perf_counter()
    async with child:
        await child.exec("true", check=True)
        seconds = time.perf_counter() - start
        assert await child.exists("1/1")
    parts["of it, until fork() returned"].append(forked - start)
    return seconds


def with_changed(count: int, parts: Parts) -> Callable[[], Awaitable[float]]:
    """Return what forks a machine that changed so many files, a new one each time."""

    async def run() -> float:
        async with AgentOs() as parent:
            await change(parent, count)
            await asyncio.sleep(REST)
            return await fork_and_use(parent, parts)

    return run


async def measure() -> list[Figure]:
    parts: Parts = {"of it, until fork() returned": []}
    few_parts: Parts = {"of it, until fork() returned": []}
    bare, (few, many) = await interleave(
        ROUNDS, with_changed(FEW, few_parts), with_changed(MANY, parts)
    )
    return [
        yardstick(bare),
        median_figure(f"fork() with {MANY} changed files, and true in it", many, bare, most=7),
        *[median_figure(name, seconds, bare) for name, seconds in parts.items()],
        median_figure(f"fork() with {FEW} changed files, and true in it", few, bare),
    ]


if __name__ == "__main__":
    main(measure, __doc__)
