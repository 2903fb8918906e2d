"""Start-up of a program that uses AgentOS: its import, and `agentos --help`."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Sequence

from measure import Figure, interleave, main, median_figure, yardstick

ROUNDS = 20


def wall_time(words: Sequence[str]) -> float:
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, *words], check=True, stdout=subprocess.DEVNULL, env=environment()
    )
    return time.perf_counter() - start


def environment() -> dict[str, str]:
    """Have modules compiled once, as an installed package has them, but not beside the source."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return env | {"PYTHONPYCACHEPREFIX": os.environ["AGENTOS_DATA_DIR"] + "/bytecode"}


async def run(*words: str) -> float:
    return wall_time(words)


async def measure() -> list[Figure]:
    bare, (python, imported) = await interleave(
        ROUNDS,
        lambda: run("-c", "pass"),
        lambda: run("-c", "from agentos import AgentOs"),
    )
    figures = [
        yardstick(bare),
        median_figure("python -c pass", python, bare),
        median_figure("python -c 'from agentos import AgentOs'", imported, bare),
    ]
    if importlib.util.find_spec("agentos.cli.main"):
        program = "import sys; from agentos.cli.main import main; sys.argv = ['agentos', '--help']"
        bare, (help,) = await interleave(ROUNDS, lambda: run("-c", f"{program}; main()"))
        figures.append(median_figure("agentos --help", help, bare, most=150))
    return figures


if __name__ == "__main__":
    main(measure, __doc__)
