"""Commands in a running machine: with `exec`, with `spawn`, and in a shell that stays."""

from __future__ import annotations

import time
from collections.abc import Sequence

from measure import Figure, interleave, main, median_figure, yardstick

from agentos import AgentOs, Process

ROUNDS = 300


async def run(vm: AgentOs, command: str | Sequence[str]) -> float:
    start = time.perf_counter()
    result = await vm.exec(command)
    seconds = time.perf_counter() - start
    assert result.stdout == "hi\n", result
    return seconds


async def first_byte(vm: AgentOs) -> float:
    start = time.perf_counter()
    async with await vm.spawn("echo hi") as process:
        assert process.stdout is not None
        assert await process.stdout.read(1) == b"h"
        seconds = time.perf_counter() - start
        await process.wait()
    return seconds


async def in_shell(shell: Process) -> float:
    assert shell.stdin is not None
    assert shell.stdout is not None
    start = time.perf_counter()
    shell.stdin.write(b"echo x\n")
    line = await shell.stdout.readline()
    seconds = time.perf_counter() - start
    assert line == b"x\n", line
    return seconds


async def measure() -> list[Figure]:
    async with AgentOs() as vm, await vm.spawn("sh") as staying:
        bare, (shell, direct, spawned, builtin) = await interleave(
            ROUNDS,
            lambda: run(vm, "echo hi"),
            lambda: run(vm, ["/bin/echo", "hi"]),
            lambda: first_byte(vm),
            lambda: in_shell(staying),
        )
    return [
        yardstick(bare),
        median_figure('exec("echo hi") to its end, sh included', shell, bare, most_ratio=3),
        median_figure('exec(["/bin/echo", "hi"]) to its end', direct, bare, most_ratio=1.4),
        median_figure('spawn("echo hi") to the first byte', spawned, bare),
        median_figure("echo x in a shell that stays", builtin, bare, most_ratio=0.15),
    ]


if __name__ == "__main__":
    main(measure, __doc__)
