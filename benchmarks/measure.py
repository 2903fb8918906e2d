"""What every benchmark shares: the yardstick, repeated runs, and the table."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

_WARM_UP = 5
#: The language that commands in a machine have: reading its files is a fifth of what echo does.
_LANGUAGE = {"LANG": "C.UTF-8", "PATH": "/usr/bin:/bin"}


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure, and the bound it keeps or misses.

    Attributes:
        name: What was measured.
        value: The figure, in `unit`; of repeated runs the median.
        unit: Such as "ms".
        spread: How far the runs lie apart, or how it was measured.
        ratio: The figure as a multiple of the baseline, run beside it.
        most: The largest `value` that passes.
        most_ratio: The largest `ratio` that passes.
        least: The smallest `value` that passes.
    """

    name: str
    value: float
    unit: str
    spread: str = ""
    ratio: float | None = None
    most: float | None = None
    most_ratio: float | None = None
    least: float | None = None

    @property
    def passed(self) -> bool | None:
        """Whether it keeps its bounds; None if it has none."""
        kept = []
        if self.most is not None:
            kept.append(self.value <= self.most)
        if self.most_ratio is not None:
            kept.append(self.ratio is not None and self.ratio <= self.most_ratio)
        if self.least is not None:
            kept.append(self.value >= self.least)
        return all(kept) if kept else None


Measure = Callable[[], Coroutine[Any, Any, list[Figure]]]


def bare_popen() -> float:
    """Return the seconds a bare `echo hi` takes to its first byte: the yardstick."""
    start = time.perf_counter()
    process = subprocess.Popen(["/bin/echo", "hi"], stdout=subprocess.PIPE, env=_LANGUAGE)
    assert process.stdout is not None
    os.read(process.stdout.fileno(), 1)
    seconds = time.perf_counter() - start
    process.wait()
    process.stdout.close()
    return seconds


async def interleave(
    rounds: int, *actions: Callable[[], Awaitable[float]]
) -> tuple[list[float], list[list[float]]]:
    """Run the yardstick and each action in turn, so that noise meets all of them alike.

    Returns:
        The seconds of the yardstick, and those of each action.
    """
    bare: list[float] = []
    measured: list[list[float]] = [[] for _ in actions]
    for n in range(-_WARM_UP, rounds):
        runs = [bare_popen(), *[await action() for action in actions]]
        if n >= 0:
            for seconds, run in zip((bare, *measured), runs, strict=True):
                seconds.append(run)
    return bare, measured


def median_figure(
    name: str,
    seconds: Sequence[float],
    baseline: Sequence[float],
    *,
    most: float | None = None,
    most_ratio: float | None = None,
) -> Figure:
    """Make the figure of repeated runs, in milliseconds.

    Its ratio is the median of each run over the baseline just before it: the two met the same
    load, so on a busy host this strays less than the ratio of two medians.
    """
    seconds = seconds[-len(baseline) :]  # without the warm-up
    ratios = [run / bare for run, bare in zip(seconds, baseline, strict=True)]
    cuts = statistics.quantiles([run * 1e3 for run in seconds], n=100)
    p10, p90, p99 = (_short(cuts[n - 1]) for n in (10, 90, 99))
    return Figure(
        name,
        statistics.median(seconds) * 1e3,
        "ms",
        f"p10 {p10}, p90 {p90}, p99 {p99}; {len(seconds)} runs",
        statistics.median(ratios),
        most,
        most_ratio,
    )


def tail_figure(
    name: str, seconds: Sequence[float], baseline: Sequence[float], *, most_ratio: float
) -> Figure:
    """Make the figure of the slowest runs: the 99th percentile, over the baseline's median."""
    seconds = seconds[-len(baseline) :]  # without the warm-up
    p99 = statistics.quantiles(seconds, n=100)[98]
    ratio = p99 / statistics.median(baseline)
    spread = f"{len(seconds)} runs, over the median of the yardstick"
    return Figure(f"{name}, p99", p99 * 1e3, "ms", spread, ratio, most_ratio=most_ratio)


def yardstick(bare: Sequence[float]) -> Figure:
    """Make the row of the baseline itself."""
    return median_figure("bare Popen of echo hi, to its first byte", bare, bare)


def machine_facts() -> str:
    """Describe the host in a line."""
    user = "root" if os.geteuid() == 0 else f"uid {os.geteuid()}, unprivileged"
    return (
        f"Linux {platform.release()} {platform.machine()}, {os.cpu_count()} cores, "
        f"load {os.getloadavg()[0]:.1f}, Python {platform.python_version()}, {user}"
    )


def table(figures: Sequence[Figure]) -> str:
    """Lay figures out as a Markdown table."""
    head = ("figure", "measured", "ratio", "bound", "", "spread")
    rows = [head, *map(_row, figures)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def _row(figure: Figure) -> tuple[str, ...]:
    bounds = []
    if figure.most is not None:
        bounds.append(f"{figure.most:g} {figure.unit}")
    if figure.most_ratio is not None:
        bounds.append(f"{figure.most_ratio:g} x")
    if figure.least is not None:
        bounds.append(f"at least {figure.least:g}")
    verdict = {None: "", True: "pass", False: "FAIL"}[figure.passed]
    ratio = "" if figure.ratio is None else f"{figure.ratio:.2f} x"
    measured = f"{_short(figure.value)} {figure.unit}".rstrip()
    return figure.name, measured, ratio, ", ".join(bounds), verdict, figure.spread


def _short(number: float) -> str:
    return f"{number:.3g}" if abs(number) < 100 else f"{number:.0f}"


def report(figures: Sequence[Figure], *, as_json: bool) -> int:
    """Print figures and return the exit code: 1 when a bound is missed."""
    if as_json:
        rows = [dataclasses.asdict(figure) | {"passed": figure.passed} for figure in figures]
        print(json.dumps({"host": machine_facts(), "figures": rows}, indent=1))
    else:
        print(machine_facts(), table(figures), sep="\n\n")
    return int(any(figure.passed is False for figure in figures))


def wants_json(description: str | None) -> bool:
    """Read the command line of a benchmark."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--json", action="store_true", help="print the figures for programs")
    return bool(parser.parse_args().json)


def main(measure: Measure, description: str | None) -> None:
    """Run one benchmark in directories of its own and exit with its verdict."""
    as_json = wants_json(description)
    with tempfile.TemporaryDirectory(prefix="agentos-benchmark-") as place:
        os.environ["AGENTOS_DATA_DIR"] = f"{place}/data"
        figures = asyncio.run(measure())
    sys.exit(report(figures, as_json=as_json))
