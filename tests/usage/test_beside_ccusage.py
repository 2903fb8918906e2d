"""ccusage, which reads the same files, comes to the same numbers where it is right."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.usage.conftest import ROLLOUTS

from agentos.store import Store
from agentos.usage.call import Source
from agentos.usage.homes import UsageHome
from agentos.usage.ledger import Ledger

VERSION = "20.0.24"


@pytest.fixture(scope="module")
def ccusage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install ccusage in a place of the test's own; return its native program."""
    place = tmp_path_factory.mktemp("ccusage")
    options = ["--prefix", str(place), "--no-audit", "--no-fund", "--ignore-scripts"]
    subprocess.run(
        ["npm", "install", *options, f"ccusage@{VERSION}"], check=True, capture_output=True
    )
    [program] = place.glob("node_modules/@ccusage/ccusage-linux-*/bin/ccusage")
    program.chmod(0o755)  # as its own script does when it is first run
    return program


def by_model(program: Path, home: Path) -> dict[str, tuple[int, int, int, int]]:
    done = subprocess.run(
        [program, "codex", "session", "--offline", "--json"],
        env={**os.environ, "CODEX_HOME": str(home), "HOME": str(home)},
        check=True,
        capture_output=True,
    )
    found: dict[str, tuple[int, int, int, int]] = {}
    for session in json.loads(done.stdout)["sessions"]:
        for model, used in session["models"].items():
            cached = used["cacheReadTokens"]
            one = (
                used["inputTokens"] + cached,
                cached,
                used["outputTokens"],
                used["reasoningOutputTokens"],
            )
            before = found.get(model, (0, 0, 0, 0))
            found[model] = tuple(map(sum, zip(before, one, strict=True)))  # type: ignore[assignment]
    return found


@pytest.mark.parametrize("names", [["0.137"], ["fork"], ["switch"], ["0.137", "fork", "switch"]])
async def test_they_agree(ccusage: Path, tmp_path: Path, names: list[str]) -> None:
    day = tmp_path / "codex" / "sessions" / "2026" / "11" / "21"
    day.mkdir(parents=True)
    for file in ROLLOUTS.iterdir():
        if any(name in file.name for name in names):
            shutil.copy(file, day)
    store = await Store.open("sqlite://")
    ledger = Ledger(store)
    await ledger.ingest([UsageHome(Source.CODEX, tmp_path / "codex")])
    mine = {
        total.key[0]: (
            total.tokens.input,
            total.tokens.cached_input,
            total.tokens.output,
            total.tokens.reasoning,
        )
        for total in await ledger.totals(["model"])
    }
    await store.close()
    assert by_model(ccusage, tmp_path / "codex") == mine
