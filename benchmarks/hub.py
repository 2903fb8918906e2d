"""The hub as a process: until it is ready, what it holds when idle, and what asking it costs."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from measure import Figure, interleave, main, median_figure, yardstick

STARTS = 7
ROUNDS = 20
REQUESTS = 2000


def agentos(*words: str) -> float:
    """Run the command as a whole process; return the seconds it took."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "agentos", *words], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def running() -> dict[str, str | int]:
    said: dict[str, str | int] = json.loads(_state("hub.json").read_text())
    return said


def _state(name: str) -> Path:
    return Path(os.environ["AGENTOS_STATE_DIR"], name)


def memory(pid: int, name: str) -> float:
    """Return what a process holds, in MB: `Rss`, or `Pss`, which shares what others have, too."""
    rows = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(row.split()[1]) / 1000 for row in rows if row.startswith(f"{name}:"))


def latencies(path: str) -> list[float]:
    """Ask again and again over one connection, with the token."""
    url = urlsplit(str(running()["url"]))
    connection = http.client.HTTPConnection(url.hostname or "", url.port)
    headers = {"authorization": f"Bearer {_state('token').read_text().strip()}"}
    seconds = []
    for n in range(-100, REQUESTS):
        start = time.perf_counter()
        connection.request("GET", path, headers=headers)
        connection.getresponse().read()
        if n >= 0:
            seconds.append(time.perf_counter() - start)
    connection.close()
    return seconds


async def status() -> float:
    return await asyncio.to_thread(agentos, "status")


async def measure() -> list[Figure]:
    place = Path(os.environ["AGENTOS_DATA_DIR"]).parent
    os.environ["AGENTOS_STATE_DIR"] = str(place / "state")
    os.environ["AGENTOS_HOME"] = str(place / "home")
    # Modules are compiled once, as an installed package has them, but not beside the source.
    os.environ["PYTHONPYCACHEPREFIX"] = str(place / "bytecode")
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    agentos("up", "--port", "0")
    agentos("down")
    ready, restarted = [], []
    for _ in range(STARTS):
        ready.append(agentos("up", "--port", "0"))
        restarted.append(agentos("restart"))
        agentos("down")
    agentos("up", "--port", "0")
    try:
        pid = int(running()["pid"])
        bare, (asked,) = await interleave(ROUNDS, status)
        answered = latencies("/healthz")
        rss, pss = memory(pid, "Rss"), memory(pid, "Pss")
    finally:
        agentos("down")
    return [
        yardstick(bare),
        _seconds("agentos up, until the hub is ready", ready, most=2),
        _seconds("agentos restart, until the next hub has taken over", restarted),
        Figure("the hub, idle, RSS", rss, "MB", most=140),
        Figure("the hub, idle, PSS", pss, "MB", most=140),
        median_figure("agentos status, as a whole process", asked, bare, most=150),
        Figure(
            "GET /healthz over one connection, p50",
            statistics.median(answered) * 1e3,
            "ms",
            f"p99 {statistics.quantiles(answered, n=100)[98] * 1e3:.2f}; {REQUESTS} requests",
        ),
    ]


def _seconds(name: str, runs: Sequence[float], most: float | None = None) -> Figure:
    spread = f"{min(runs):.2f} to {max(runs):.2f}; {len(runs)} runs"
    return Figure(name, statistics.median(runs), "s", spread, most=most)


if __name__ == "__main__":
    main(measure, __doc__)
