"""A sandbox made for one `echo hi`: ours beside bubblewrap, where that is installed."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

from measure import Figure, interleave, main, median_figure, yardstick

from agentos import AgentOs

ROUNDS = 100


async def in_a_machine() -> float:
    start = time.perf_counter()
    async with AgentOs() as vm, await vm.spawn("echo hi") as process:
        assert process.stdout is not None
        assert await process.stdout.read(1) == b"h"
        return time.perf_counter() - start


def bwrap() -> list[str]:
    """Return a command line with the same namespaces and the host's programs, read-only."""
    words = ["bwrap", "--unshare-all", "--die-with-parent", "--ro-bind", "/usr", "/usr"]
    for path in map(Path, ("/bin", "/sbin", "/lib", "/lib64")):
        if path.is_symlink():
            words += ["--symlink", str(path.readlink()), str(path)]
        elif path.is_dir():
            words += ["--ro-bind", str(path), str(path)]
    return [*words, "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "sh", "-c", "echo hi"]


def in_bwrap() -> float:
    start = time.perf_counter()
    with subprocess.Popen(bwrap(), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.read(1) == b"h"
        return time.perf_counter() - start


async def beside() -> float:
    return in_bwrap()


async def measure() -> list[Figure]:
    name = "AgentOs() to the first byte of echo hi"
    if not shutil.which("bwrap"):
        bare, (ours,) = await interleave(ROUNDS, in_a_machine)
        absent = Figure("bwrap", 0, "", "not installed, so not measured")
        return [yardstick(bare), median_figure(name, ours, bare), absent]
    bare, (ours, theirs) = await interleave(ROUNDS, in_a_machine, beside)
    return [
        yardstick(bare),
        median_figure(name, ours, bare),
        median_figure("bwrap to the first byte of echo hi", theirs, bare),
    ]


if __name__ == "__main__":
    main(measure, __doc__)
