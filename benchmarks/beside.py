"""A sandbox made for one `echo hi`: ours beside bubblewrap, runc and gVisor, where installed."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bundle import links_and_directories, make_bundle
from measure import Figure, interleave, main, median_figure, yardstick

from agentos import AgentOs

ROUNDS = 100
SLOW_ROUNDS = 20
SCRIPT = ["sh", "-c", "echo hi"]
_numbers = itertools.count()


@dataclass(frozen=True, slots=True)
class Other:
    """Another way to make a sandbox.

    Attributes:
        program: Without it, the output says so.
        command: The command line of one run, in a directory of the benchmark's.
        rounds: How many runs; some take a hundred times longer than others.
    """

    program: str
    command: Callable[[Path], list[str]]
    rounds: int


def bwrap(_: Path) -> list[str]:
    """Return a command line with the same namespaces and the host's programs, read-only."""
    words = ["bwrap", "--unshare-all", "--die-with-parent"]
    links, directories = links_and_directories()
    for path in directories:
        words += ["--ro-bind", path, path]
    for path, target in links.items():
        words += ["--symlink", target, path]
    return [*words, "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", *SCRIPT]


def runc(place: Path) -> list[str]:
    return ["runc", "--root", f"{place}/state", "run", "--bundle", str(place), name()]


def runsc(place: Path) -> list[str]:
    settings = ["--ignore-cgroups", "--network=none", "--platform=systrap"]
    words = ["runsc", "--root", f"{place}/state", *settings, "run", "--bundle", str(place)]
    return [*words, name()]


def name() -> str:
    return f"agentos-benchmark-{os.getpid()}-{next(_numbers)}"


OTHERS = (
    Other("bwrap", bwrap, ROUNDS),
    Other("runc", runc, SLOW_ROUNDS),
    Other("runsc", runsc, SLOW_ROUNDS),
)


async def in_a_machine() -> float:
    start = time.perf_counter()
    async with AgentOs() as vm, await vm.spawn("echo hi") as process:
        assert process.stdout is not None
        assert await process.stdout.read(1) == b"h"
        return time.perf_counter() - start


def in_other(command: list[str]) -> float:
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        assert process.stdout.read(1) == b"h"
        return time.perf_counter() - start


def obstacle(other: Other, place: Path) -> str | None:
    """Say why one of the others cannot be measured here, if so."""
    if not shutil.which(other.program):
        return "not installed, so not measured"
    tried = subprocess.run(
        other.command(place), capture_output=True, stdin=subprocess.DEVNULL, text=True, check=False
    )
    if tried.stdout != "hi\n":
        return f"does not run here: {tried.stderr.strip().splitlines()[-1:]}"
    return None


async def beside(other: Other, place: Path) -> Figure:
    """Measure one of the others, or say why not."""
    if absent := obstacle(other, place):
        return Figure(other.program, 0, "", absent)

    async def run() -> float:
        return in_other(other.command(place))

    bare, (seconds,) = await interleave(other.rounds, run)
    return median_figure(f"{other.program} to the first byte of echo hi", seconds, bare)


async def measure() -> list[Figure]:
    bare, (ours,) = await interleave(ROUNDS, in_a_machine)
    with tempfile.TemporaryDirectory(prefix="agentos-bundle-") as directory:
        place = make_bundle(Path(directory), SCRIPT)
        others = [await beside(other, place) for other in OTHERS]
    return [
        yardstick(bare),
        median_figure("AgentOs() to the first byte of echo hi", ours, bare),
        *others,
    ]


if __name__ == "__main__":
    main(measure, __doc__)
