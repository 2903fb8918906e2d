"""Work within a machine beside the same on the host: git, ripgrep, Python, node, many opens.

The ratio is of CPU time, of the command and all that it started: none of them waits for anything
but the processor, and unlike wall time it bears other work on the host.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import tempfile
import time
from dataclasses import dataclass

from measure import Figure, main

from agentos import AgentOs

ROUNDS = 11
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

NEAR, OPENING = 1.05, 1.8

GIT = """
rm -rf repository; git init -q repository; cd repository
git config user.name a; git config user.email a@b; git config gc.auto 0
i=0; while [ $i -lt 300 ]; do echo "line $i of a file" > file-$i; i=$((i + 1)); done
git add .; git commit -q -m first
for i in 1 2 3 4 5 6 7 8 9 10; do echo $i >> file-$i; git status -s; git diff; done > /dev/null
git commit -q -a -m second; git log --stat > /dev/null
"""
SEARCH = "rg -c '[a-z]+ing the [A-Z]'"
PYTHON = """
import hashlib, json
table = {str(n): [n, n * n, "x" * (n % 50)] for n in range(60_000)}
assert json.loads(json.dumps(table)) == table
data = bytes(range(256)) * 40_000
for _ in range(4): hashlib.sha256(data).digest()
print(sum(n * n % 7 for n in range(1_500_000)))
"""
NODE = """
const table = new Map();
for (let n = 0; n < 400000; n++) table.set(`key ${n}`, {n, text: 'x'.repeat(n % 40)});
const text = JSON.stringify([...table.values()]);
console.log(JSON.parse(text).filter((row) => row.n % 3).sort((a, b) => b.n - a.n).length);
"""
OPENS = """
import os
open("opened", "w").close()
for _ in range(40_000): os.close(os.open("opened", os.O_RDONLY))
"""


@dataclass(frozen=True, slots=True)
class Workload:
    """A command that runs in an empty directory of its own.

    Attributes:
        name: What it is.
        command: The words of it; the first is a program, looked up on the host.
        most_ratio: How much CPU time it may take at most, of what it takes on the host.
    """

    name: str
    command: list[str]
    most_ratio: float


@dataclass(frozen=True, slots=True)
class Run:
    """The seconds of one run."""

    wall: float
    cpu: float


WORKLOADS = (
    Workload("git, 300 files", ["sh", "-c", GIT], NEAR),
    Workload("ripgrep in /usr/share", ["sh", "-c", f"cd /usr/share && exec {SEARCH} ./"], NEAR),
    # Each of its 47,000 files is opened by its whole path, which begins in the overlay of the root.
    Workload("the same from elsewhere", ["sh", "-c", f"exec {SEARCH} /usr/share"], OPENING),
    Workload("Python, JSON and hashes", ["python3", "-c", PYTHON], NEAR),
    Workload("node, JSON and sorting", ["node", "-e", NODE], NEAR),
    Workload("40,000 times open and close", ["python3", "-c", OPENS], OPENING),
)


def on_host(command: list[str], place: str) -> Run:
    start = time.perf_counter()
    process = subprocess.Popen(
        command,
        cwd=place,
        env={"PATH": PATH, "HOME": place, "LANG": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, _, used = os.wait4(process.pid, 0)
    process.returncode = 0
    return Run(time.perf_counter() - start, used.ru_utime + used.ru_stime)


async def in_machine(vm: AgentOs, command: list[str]) -> Run:
    start = time.perf_counter()
    result = await vm.exec(command)
    wall = time.perf_counter() - start
    return Run(wall, result.usage.user_time + result.usage.system_time)


async def compare(workload: Workload, vm: AgentOs, place: str) -> Figure:
    """Run a workload here and there in turn."""
    program = shutil.which(workload.command[0], path=PATH)
    if program is None:
        return Figure(workload.name, 0, "", "not installed, so not measured")
    command = [program, *workload.command[1:]]
    here, inside = [], []
    for n in range(-1, ROUNDS):
        pair = on_host(command, place), await in_machine(vm, command)
        if n >= 0:  # the first only fills caches
            here.append(pair[0])
            inside.append(pair[1])
    ratios = [there.cpu / host.cpu for there, host in zip(inside, here, strict=True)]
    walls = [there.wall / host.wall for there, host in zip(inside, here, strict=True)]
    spread = f"CPU time; wall time {statistics.median(walls):.2f} x; {ROUNDS} runs"
    return Figure(
        f"inside: {workload.name}",
        statistics.median(run.cpu for run in inside) * 1e3,
        "ms",
        spread,
        statistics.median(ratios),
        most_ratio=workload.most_ratio,
    )


async def measure() -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="agentos-host-") as place:
        async with AgentOs() as vm:
            return [await compare(workload, vm, place) for workload in WORKLOADS]


if __name__ == "__main__":
    main(measure, __doc__)
