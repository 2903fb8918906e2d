"""One gigabyte through a command's stdout, beside a bare pipe and asyncio's own subprocess."""

from __future__ import annotations

import asyncio
import os
import resource
import statistics
import subprocess
import time

from measure import Figure, main

from agentos import AgentOs

ROUNDS = 5
SIZE = 10**9
CHUNK = 256 * 1024
COMMAND = ["head", "-c", str(SIZE), "/dev/zero"]


def through_bare_pipe() -> float:
    start = time.perf_counter()
    process = subprocess.Popen(COMMAND, stdout=subprocess.PIPE)
    assert process.stdout is not None
    left = SIZE
    while chunk := os.read(process.stdout.fileno(), CHUNK):
        left -= len(chunk)
    seconds = time.perf_counter() - start
    process.wait()
    process.stdout.close()
    assert left == 0
    return seconds


async def through_asyncio() -> float:
    start = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        *COMMAND, stdout=asyncio.subprocess.PIPE, limit=2**20
    )
    assert process.stdout is not None
    await drain(process.stdout)
    seconds = time.perf_counter() - start
    await process.wait()
    return seconds


async def through_machine(vm: AgentOs) -> float:
    start = time.perf_counter()
    async with await vm.spawn(COMMAND, stdin="null", stderr="null") as process:
        assert process.stdout is not None
        await drain(process.stdout)
        return time.perf_counter() - start


async def drain(stream: asyncio.StreamReader) -> None:
    left = SIZE
    while chunk := await stream.read(CHUNK):
        left -= len(chunk)
    assert left == 0


def peak_memory() -> float:
    """Return the most memory this process ever held, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


async def measure() -> list[Figure]:
    async with AgentOs() as vm:
        await vm.exec("true")
        before = peak_memory()
        runs = [
            (through_bare_pipe(), await through_asyncio(), await through_machine(vm))
            for _ in range(ROUNDS)
        ]
        grown = peak_memory() - before
    bare, host, machine = (statistics.median(seconds) for seconds in zip(*runs, strict=True))
    rates = [f"{SIZE / seconds / 1e6:.0f}" for seconds in (machine, host, bare)]
    spread = "MB/s: {} here, {} asyncio on the host, {} bare pipe".format(*rates)
    return [
        Figure(
            "1 GB through stdout; ratio to a bare pipe",
            machine,
            "s",
            spread,
            statistics.median(there / pipe for pipe, _, there in runs),
            most_ratio=1.15,
        ),
        Figure("1 GB through stdout; ratio to asyncio's own", machine, "s", "", machine / host),
        Figure("growth of the host's process meanwhile", grown, "MB", f"{3 * ROUNDS} GB in all"),
    ]


if __name__ == "__main__":
    main(measure, __doc__)
