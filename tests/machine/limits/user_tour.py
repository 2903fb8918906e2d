"""Limits without control groups, by whoever runs it: `python user_tour.py`.

`test_as_a_user.py` sends an ordinary user on it.
"""

from __future__ import annotations

import asyncio
import os

from agentos.errors import IsolationUnavailable, LimitExceeded
from agentos.machine.limits.limits import Limits, LimitWarning
from agentos.machine.machine import AgentOs

MEMORY_BOMB = ["python3", "-c", "held = [bytearray(4 << 20) for _ in range(10_000)]"]
FORK_BOMB = "i=0; while [ $i -lt 100 ]; do sleep 1000 & i=$((i+1)); done"


def same(seen: object, expected: object) -> None:
    if seen != expected:
        raise AssertionError(f"{seen!r} instead of {expected!r}")


async def exceeds(vm: AgentOs, command: str | list[str], limit: str) -> None:
    try:
        result = await vm.exec(command)
    except LimitExceeded as error:
        same(error.limit, limit)
    else:
        raise AssertionError(f"no LimitExceeded: {result}")


async def cpus_are_refused() -> None:
    try:
        await AgentOs.create(limits=Limits(cpus=1))
    except IsolationUnavailable as error:
        same("Delegate=yes" in str(error), True)
    else:
        raise AssertionError("a share of CPU was promised")


async def bombs() -> None:
    warned: list[LimitWarning] = []
    limits = Limits(memory="96M", pids=24, disk="2M", open_files=40)
    async with AgentOs() as other, AgentOs(limits=limits, on_warning=warned.append) as vm:
        ways = (await vm.stats()).enforced
        same([ways[name] for name in ("memory", "pids", "disk")], ["watchdog", "rlimit", "tmpfs"])
        same((await vm.exec("ulimit -n")).stdout, "40\n")
        filled = await vm.exec("head -c 5M /dev/zero > filler")
        same("No space left on device" in filled.stderr, True)
        await exceeds(vm, MEMORY_BOMB, "memory")
        await exceeds(vm, FORK_BOMB, "pids")
        same((await vm.stats()).pids <= 24, True)
        while not {"memory", "pids", "disk"} <= {warning.limit for warning in warned}:
            same((await other.exec("true & true & wait; echo fine")).stdout, "fine\n")


async def tour() -> None:
    await cpus_are_refused()
    await bombs()


if __name__ == "__main__":
    asyncio.run(tour())
    os.write(1, f"held as user {os.geteuid()}\n".encode())
