"""Run every benchmark, one after the other, and print one table."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

from measure import Figure, report, wants_json

BENCHMARKS = (
    "cold_start",
    "beside",
    "gvisor",
    "pool",
    "commands",
    "files",
    "inside",
    "fork",
    "memory",
    "many_machines",
    "stream",
    "gateway",
    "transcripts",
    "sessions",
    "many_sessions",
    "network",
    "hub",
    "imports",
    "hub_mcp",
    "dashboard",
    "sync",
)


#: Beside programs that npm installs.
BESIDE_NPM = ("usage",)


def figures_of(name: str) -> list[Figure]:
    """Run one benchmark in a process of its own."""
    script = Path(__file__).with_name(f"{name}.py")
    ran = subprocess.run([sys.executable, script, "--json"], stdout=subprocess.PIPE, text=True)
    try:
        rows = json.loads(ran.stdout)["figures"]
    except json.JSONDecodeError:
        sys.exit(f"{script.name} failed with exit code {ran.returncode}")
    return [Figure(**{k: v for k, v in row.items() if k != "passed"}) for row in rows]


def main() -> None:
    as_json = wants_json(__doc__)
    figures: dict[str, Figure] = {}
    for name in (*BENCHMARKS, *(BESIDE_NPM if shutil.which("npm") else ())):
        for figure in figures_of(name):
            figures.setdefault(figure.name, figure)
    sys.exit(report(list(figures.values()), as_json=as_json))


if __name__ == "__main__":
    main()
