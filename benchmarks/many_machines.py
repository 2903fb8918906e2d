"""Two hundred machines alive at once, each used and closed: nothing may be left of them."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import os
import resource
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from measure import Figure, main

from agentos import AgentOs

MACHINES = 200
_PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True, slots=True)
class Held:
    """What this process holds of the host."""

    descriptors: int
    processes: int
    mounts: int
    directories: int

    @classmethod
    def now(cls) -> Held:
        gc.collect()
        return cls(
            descriptors=len(os.listdir("/proc/self/fd")),
            processes=len(descendants(os.getpid())),
            mounts=len(Path("/proc/self/mountinfo").read_text().splitlines()),
            directories=sum(1 for _ in os.walk(os.environ["TMPDIR"])),
        )


def descendants(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in map(int, (task / "children").read_text().split()):
            with contextlib.suppress(FileNotFoundError):  # it ended while we looked
                found += [child, *descendants(child)]
    return found


def adopt_orphans() -> None:
    """Become the parent of every orphan below this process, so that none goes uncounted."""
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "cannot adopt orphans")


def allow_many_descriptors() -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def use(vm: AgentOs) -> None:
    result = await vm.exec("echo hi; sleep 1000 &")
    assert result.stdout == "hi\n", result


async def of_all(verb: Callable[[AgentOs], Coroutine[Any, Any, None]], vms: list[AgentOs]) -> float:
    """Do this with every machine at once and return the seconds until all have done it."""
    start = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for vm in vms:
            group.create_task(verb(vm))
    return time.perf_counter() - start


async def live(count: int) -> dict[str, float]:
    """Make machines, use each once and close them; return the seconds of each step."""
    vms = [AgentOs() for _ in range(count)]
    try:
        return {
            "made": await of_all(AgentOs.start, vms),
            "used": await of_all(use, vms),
            "closed": await of_all(AgentOs.close, vms),
        }
    finally:
        await of_all(AgentOs.close, vms)


async def measure() -> list[Figure]:
    os.environ["TMPDIR"] = str(Path(os.environ["AGENTOS_DATA_DIR"]).parent)
    adopt_orphans()
    allow_many_descriptors()
    await live(1)
    before = Held.now()
    seconds = await live(MACHINES)
    after = Held.now()
    return [rate(seconds), *leaks(before, after)]


def rate(seconds: dict[str, float]) -> Figure:
    return Figure(
        f"{MACHINES} machines at once, made",
        MACHINES / seconds["made"],
        "a second",
        ", ".join(f"all {verb} in {time:.2f} s" for verb, time in seconds.items()),
        least=250,
    )


def leaks(before: Held, after: Held) -> list[Figure]:
    return [
        Figure(
            f"{name} left by {MACHINES} machines",
            getattr(after, name) - getattr(before, name),
            "",
            f"{getattr(before, name)} before, {getattr(after, name)} after",
            most=0,
        )
        for name in Held.__slots__
    ]


if __name__ == "__main__":
    main(measure, __doc__)
