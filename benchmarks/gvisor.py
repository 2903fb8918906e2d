"""What a kernel of its own costs: the same work in a machine of namespaces and in gVisor's."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Awaitable, Callable
from functools import partial

from measure import Figure, main, median_figure

from agentos import AgentOs
from agentos.errors import IsolationUnavailable
from agentos.machine.isolation.backends import Isolation
from agentos.machine.isolation.runsc import find_runsc

MACHINES, ROUNDS = 5, 10
KINDS: tuple[Isolation, Isolation] = ("namespace", "gvisor")
OPEN = "import os\nfor _ in range(3000): os.close(os.open('/etc/hostname', 0))"
LOOP = "x = 0\nfor i in range(2_000_000): x += i"
WORK = {
    "exec of echo hi": ["/bin/echo", "hi"],
    "3,000 files opened": ["python3", "-S", "-c", OPEN],
    "2,000,000 turns of a loop": ["python3", "-S", "-c", LOOP],
}


async def create(kind: Isolation) -> None:
    async with AgentOs(isolation=kind):
        return


async def in_turn(
    rounds: int, works: dict[Isolation, Callable[[], Awaitable[object]]]
) -> dict[Isolation, list[float]]:
    """Do the same work in either kind, in turn, so that noise meets both alike."""
    seconds: dict[Isolation, list[float]] = {kind: [] for kind in works}
    for _ in range(rounds):
        for kind, work in works.items():
            start = time.perf_counter()
            await work()
            seconds[kind].append(time.perf_counter() - start)
    return seconds


async def measure() -> list[Figure]:
    if not shutil.which("runsc"):
        return [Figure("gVisor", 0, "", "runsc is not installed, so not measured")]
    times = {"make and close": await in_turn(MACHINES, {k: partial(create, k) for k in KINDS})}
    async with AgentOs(isolation=KINDS[0]) as plain, AgentOs(isolation=KINDS[1]) as inner:
        idle = (await inner.stats()).memory
        machines = {KINDS[0]: plain, KINDS[1]: inner}
        for name, command in WORK.items():
            works = {k: partial(vm.exec, command, check=True) for k, vm in machines.items()}
            times[name] = await in_turn(ROUNDS, works)
    return [
        *(_beside(name, *(seconds[kind] for kind in KINDS)) for name, seconds in times.items()),
        Figure("an idle machine with gVisor's kernel", idle / 1e6, "MB", "stats().memory"),
    ]


def _beside(name: str, plain: list[float], inner: list[float]) -> Figure:
    return median_figure(f"{name}, gVisor's kernel beside namespaces", inner, plain)


def offer_runsc() -> None:
    """Put it on PATH: benchmarks have a data directory of their own."""
    with contextlib.suppress(IsolationUnavailable):
        os.environ["PATH"] += f"{os.pathsep}{find_runsc().parent}"


if __name__ == "__main__":
    offer_runsc()
    main(measure, __doc__)
