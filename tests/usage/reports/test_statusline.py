"""The line for status bars, as a whole process."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from tests.usage.reports.filling import fill, made

from agentos.store import Store
from agentos.usage import report
from agentos.usage.call import ModelCall

NOW = datetime.now(UTC)


@pytest.fixture(autouse=True)
def _places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENTOS_STORE_URL", f"sqlite:///{tmp_path}/agentos.db")
    monkeypatch.setenv("AGENTOS_HOME", str(tmp_path))
    monkeypatch.setenv("AGENTOS_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("TZ", "UTC")


async def ledger(*calls: ModelCall) -> None:
    store = await Store.open()
    await fill(store, calls)
    await store.close()


def line(said: str = "", code: int = 0) -> str:
    words = [sys.executable, "-m", "agentos", "usage", "statusline"]
    done = subprocess.run(words, input=said, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    return done.stdout.strip() or done.stderr.strip()


async def test_it_tells_today_and_the_clients_session() -> None:
    await ledger(
        made(1, at=NOW),
        made(2, at=NOW, session="other", tier="batch"),
        made(3, at=NOW - timedelta(days=2)),  # of the session, but not of today
        made(4, at=NOW - timedelta(days=40)),
    )
    assert line('{"session_id": "s1"}') == "today $0.0060 · 2.2k tokens · session $0.0080"
    today = await report("today", read=False)
    assert today.total.cost == pytest.approx(0.006)


async def test_an_unknown_price_is_said_to_be_unknown() -> None:
    await ledger(made(1, at=NOW, model="mystery", session="s2"), made(2, at=NOW))
    assert line('{"session_id": "s2"}') == "today ≥ $0.0040 · 2.2k tokens · session unknown"


async def test_of_a_session_that_was_not_read_yet_the_client_knows() -> None:
    await ledger(made(1, at=NOW))
    said = {"session_id": "new", "cost": {"total_cost_usd": 1.5}}
    assert line(json.dumps(said)) == "today $0.0040 · 1.1k tokens · session $1.50"


@pytest.mark.parametrize("said", ["", "{", "[]", '{"session_id": null, "cost": 3}'])
def test_without_a_ledger_or_a_session_it_is_short(said: str) -> None:
    assert line(said) == "today $0.00 · 0 tokens"


async def test_it_keeps_to_the_settings(tmp_path: Path) -> None:
    (tmp_path / "agentos.toml").write_text(
        """
        [usage]
        currency = "EUR"
        rates = { EUR = 0.5 }
        time_zone = "Pacific/Kiritimati"
        [prices."openai/gpt-5.4"]
        input = 100
        output = 0
        """
    )
    there = NOW.astimezone(ZoneInfo("Pacific/Kiritimati"))
    midnight = there.replace(hour=0, minute=0, second=0, microsecond=0)
    await ledger(made(1, at=midnight), made(2, at=midnight - timedelta(minutes=15)))
    assert line() == "today €0.0500 · 1.1k tokens"


def test_settings_that_are_damaged_are_told_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "agentos.toml").write_text("[usage")
    said = line(code=1)
    assert said.startswith("agentos: the status line cannot be told: ")
    assert "\n" not in said


def test_nothing_heavy_is_loaded_for_it() -> None:
    heavy = "asyncio httpx2 pydantic rich sqlalchemy typer zoneinfo"
    script = f"""
import sys
from agentos.cli.entry import main
sys.argv = ["agentos", "usage", "statusline"]
try:
    main()
except SystemExit:
    pass
loaded = [name for name in {heavy.split()!r} if name in sys.modules]
assert not loaded, loaded
"""
    subprocess.run([sys.executable, "-c", script], check=True, stdin=subprocess.DEVNULL)
