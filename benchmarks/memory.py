"""What an idle machine costs in memory, its kernel objects included where that can be told.

With a memory control group (root, version 1 or 2), what idle machines add to the charge of a
group is counted: processes, page tables, namespaces, mounts and the host's Python objects. What
the kernel does not charge to anybody is not in it. Elsewhere the machines' processes are counted.
"""

from __future__ import annotations

import contextlib
import gc
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from measure import Figure, main

from agentos import AgentOs

MACHINES = 64
MOST_MB = 0.6


async def measure() -> list[Figure]:
    async with AgentOs() as vm:
        await vm.exec("true")  # what is made once, such as the image, is not a machine's cost
    with own_control_group() as charge:
        before = charge() if charge else 0
        async with contextlib.AsyncExitStack() as stack:
            for _ in range(MACHINES):
                vm = await stack.enter_async_context(AgentOs())
                await vm.exec("true")
            gc.collect()
            figures = [process_memory()]
            if charge:
                figures.insert(0, charged_memory(charge() - before))
    return figures


def charged_memory(size: int) -> Figure:
    name = "idle machine, charged to its control group"
    return Figure(name, size / MACHINES / 1e6, "MB", f"mean of {MACHINES}", most=MOST_MB)


def process_memory() -> Figure:
    """Return the mean share of memory of the machines' processes: each has one, its init."""
    inits = [int(pid) for pid in children() if command_of(pid) == "agentos-init"]
    assert len(inits) == MACHINES, f"{len(inits)} processes in {MACHINES} idle machines"
    try:
        sizes, how = [field(pid, "smaps_rollup", "Pss") for pid in inits], "PSS"
    except PermissionError:  # init hides its memory from everybody but root
        sizes, how = [field(pid, "status", "VmRSS") for pid in inits], "RSS, no less than PSS"
    name = f"idle machine, all processes, {how}"
    spread = f"mean of {MACHINES}, largest {max(sizes) / 1e6:.2f}"
    return Figure(name, sum(sizes) / MACHINES / 1e6, "MB", spread, most=MOST_MB)


def children() -> list[str]:
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()


def command_of(pid: str) -> str:
    return Path(f"/proc/{pid}/comm").read_text().strip()


def field(pid: int, file: str, name: str) -> int:
    """Read a size in bytes from a file of /proc."""
    lines = Path(f"/proc/{pid}/{file}").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


@contextlib.contextmanager
def own_control_group() -> Iterator[Callable[[], int] | None]:
    """Move this process into a memory control group of its own, where that is permitted.

    Gives what reads the bytes charged to it, or None.
    """
    parent, usage = memory_group()
    group = parent / f"agentos-benchmark-{os.getpid()}"
    if not enter_new(group, usage):
        yield None
        return
    try:
        yield lambda: int((group / usage).read_text())
    finally:
        move_into(parent)
        group.rmdir()


def enter_new(group: Path, usage: str) -> bool:
    try:
        group.mkdir()
    except OSError:
        return False
    try:
        (group / usage).read_text()
        move_into(group)
    except OSError:
        group.rmdir()
        return False
    return True


def move_into(group: Path) -> None:
    (group / "cgroup.procs").write_text(str(os.getpid()))


def memory_group() -> tuple[Path, str]:
    """Return this process's memory control group, and the name of its usage file."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(","):
            return Path("/sys/fs/cgroup/memory" + path), "memory.usage_in_bytes"
    return Path("/sys/fs/cgroup" + path), "memory.current"


if __name__ == "__main__":
    main(measure, __doc__)
