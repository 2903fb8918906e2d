"""The ledger of usage beside ccusage, on a gigabyte of rollouts: the first ingest, later reports.

Needs npm, which installs ccusage 20.0.24; or CCUSAGE, a directory that it was installed in.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from measure import Figure, main, median_figure
from usage_rollouts import Made, make_rollouts

SIZE = 1_000_000_000
FIRST_ROUNDS = 3
LATER_ROUNDS = 7
_VERSION = "20.0.24"
_READ = """
import asyncio, sys, time
from pathlib import Path
from agentos.store import Store
from agentos.usage.call import Source
from agentos.usage.homes import UsageHome
from agentos.usage.ledger import Ledger

async def read():
    store = await Store.open("sqlite:///" + sys.argv[1])
    ledger = Ledger(store)
    begun = time.perf_counter()
    await ledger.ingest([UsageHome(Source.CODEX, Path(sys.argv[2]))])
    [total] = await ledger.totals()
    print(time.perf_counter() - begun, total.calls, total.tokens.input, total.tokens.output)
    await store.close()

asyncio.run(read())
"""


def ours(database: Path, home: Path, made: Made) -> tuple[float, float, float]:
    """Read in a process of its own; return its seconds, those of the reading, and its CPU's."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begun = time.perf_counter()
    command = [sys.executable, "-c", _READ, str(database), str(home)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    seconds = time.perf_counter() - begun
    inside, *totals = done.stdout.split()
    assert [int(total) for total in totals] == [made.calls, made.input, made.output]
    return seconds, float(inside), _worked(before)


def asked(*words: str, env: dict[str, str]) -> tuple[float, float, str]:
    """Run `agentos`; return its seconds, those of its processor, and what it said."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begun = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "agentos", *words],
        env=env,
        check=True,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        text=True,
    )
    return time.perf_counter() - begun, _worked(before), done.stdout


def report(env: dict[str, str], made: Made) -> tuple[float, float]:
    """Ask for a report; return its seconds, and those of its processor."""
    seconds, worked, said = asked("usage", "--by", "model", "--json", env=env)
    total = json.loads(said)["total"]
    assert [total["calls"], total["input"], total["output"]] == [
        *(made.calls, made.input, made.output)
    ]
    return seconds, worked


def theirs(program: Path, home: Path, made: Made) -> tuple[float, float]:
    """Run ccusage; return its seconds, and those of its CPU."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begun = time.perf_counter()
    done = subprocess.run(
        [program, "codex", "--offline", "--json"],
        env={**os.environ, "CODEX_HOME": str(home)},
        check=True,
        capture_output=True,
        text=True,
    )
    seconds = time.perf_counter() - begun
    totals = json.loads(done.stdout)["totals"]
    assert totals["inputTokens"] + totals["cacheReadTokens"] == made.input
    assert totals["outputTokens"] == made.output
    return seconds, _worked(before)


def _environment(place: Path, database: Path, home: Path) -> dict[str, str]:
    own = ("HOME", "AGENTOS_HOME", "AGENTOS_DATA_DIR", "AGENTOS_STATE_DIR", "CLAUDE_CONFIG_DIR")
    places = {name: str(place / name) for name in own}
    store = {"AGENTOS_STORE_URL": f"sqlite:///{database}", "CODEX_HOME": str(home)}
    return {**os.environ, **places, **store}


def _worked(before: resource.struct_rusage) -> float:
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _program(place: Path) -> Path:
    """Return ccusage's native program, installed in a directory unless it is there."""
    chosen = os.environ.get("CCUSAGE")
    if chosen is None:
        options = ["--prefix", str(place), "--no-audit", "--no-fund", "--ignore-scripts"]
        install = ["npm", "install", *options, f"ccusage@{_VERSION}"]
        subprocess.run(install, check=True, stdout=subprocess.DEVNULL)
    [found] = Path(chosen or place).glob("node_modules/@ccusage/ccusage-linux-*/bin/ccusage")
    found.chmod(0o755)  # as its own script does when it is first run
    return found


async def measure() -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="agentos-usage-") as place:
        program = await asyncio.to_thread(_program, Path(place) / "ccusage")
        home, database = Path(place) / "codex", Path(place) / "ledger.db"
        # What is installed has its bytecode, which a tree of sources may lack.
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.environ["PYTHONPYCACHEPREFIX"] = str(Path(place) / "bytecode")
        env = _environment(Path(place), database, home)
        made = await asyncio.to_thread(make_rollouts, home, SIZE)
        first, beside_first, lines, inner = [], [], [], []
        later, tables, beside_later = [], [], []
        for _ in range(FIRST_ROUNDS):
            for file in Path(place).glob("ledger.db*"):
                file.unlink()
            first.append(ours(database, home, made))
            beside_first.append(theirs(program, home, made))
        for _ in range(LATER_ROUNDS):
            inner.append(ours(database, home, made)[1])
            later.append(report(env, made))
            tables.append(asked("usage", "--by", "model", env=env)[0])
            beside_later.append(theirs(program, home, made))
            lines.append(asked("usage", "statusline", env=env)[1])
    whole, worked = [list(each) for each in zip(*beside_first, strict=True)]
    again, worked_again = [list(each) for each in zip(*beside_later, strict=True)]
    _, reading, reading_worked = [list(each) for each in zip(*first, strict=True)]
    reported, report_worked = [list(each) for each in zip(*later, strict=True)]
    return [
        median_figure(f"ccusage over {made.bytes / 1e9:.1f} GB", again, again),
        median_figure("first ingest, inside", reading, whole, most_ratio=1 / 0.7),
        median_figure("first ingest, processor", reading_worked, worked),
        median_figure("later report, whole process", reported, again, most_ratio=1 / 5),
        median_figure("later report as a table", tables, again, most_ratio=1 / 5),
        median_figure("later report, processor", report_worked, worked_again),
        median_figure("reading what is new, inside", inner, again, most=100),
        median_figure("status line, processor", lines, worked_again, most=60),
    ]


if __name__ == "__main__":
    main(measure, __doc__)
