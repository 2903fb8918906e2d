"""What `agentos usage` answers quickly is what it would answer otherwise."""

from __future__ import annotations

import asyncio
import io
import json
import subprocess
import sys
from contextlib import redirect_stdout
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.usage import codex_lines as lines
from tests.usage.reports.filling import fill, made

from agentos.cli import usage_quick
from agentos.cli.usage_report import show_report
from agentos.store import Store
from agentos.usage import report
from agentos.usage.calendar import Period
from agentos.usage.call import ModelCall
from agentos.usage.ledger import Ledger
from agentos.usage.prices import Tokens
from agentos.usage.rows import Group

NOW = datetime.now(UTC)


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the test a store, and homes of clients, of its own."""
    for name in ("HOME", "CODEX_HOME", "CLAUDE_CONFIG_DIR", "AGENTOS_HOME", "AGENTOS_DATA_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "GEMINI_CLI_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AGENTOS_STORE_URL", f"sqlite:///{tmp_path}/agentos.db")
    monkeypatch.setenv("TZ", "Europe/Berlin")
    return tmp_path


def rollout(place: Path, data: bytes) -> None:
    file = place / "CODEX_HOME" / "sessions" / "rollout-t.jsonl"
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("ab") as out:
        out.write(data)


async def read() -> None:
    store = await Store.open()
    await Ledger(store).ingest()
    await store.close()


def quickly(*words: str) -> str | None:
    out = io.StringIO()
    with redirect_stdout(out):
        return out.getvalue() if usage_quick.answer(words) else None


def otherwise(period: Period | None, by: list[Group], options: list[str]) -> str:
    found = asyncio.run(report(period, by=by, read=False))
    out = io.StringIO()
    with redirect_stdout(out):
        show_report(found, as_json="--json" in options, as_csv="--csv" in options)
    return out.getvalue()


WORDS = st.sampled_from(["", "a", "b\N{HOT BEVERAGE}"])
CALLS = st.lists(
    st.builds(
        made,
        st.just(0),
        tokens=st.none() | st.builds(Tokens, st.sampled_from([300, 150_000, 280_000])),
        provider=st.sampled_from(["openai", "anthropic", ""]),
        model=st.sampled_from(["gpt-5.5", "claude-sonnet-5-5", "claude-haiku-5-5", "mystery"]),
        at=st.integers(0, 90 * 86400).map(lambda ago: NOW - timedelta(seconds=ago)),
        session=WORDS,
        project=WORDS,
        tier=st.sampled_from(["", "batch"]),
        price=st.none() | st.just(0.5),
    ),
    max_size=20,
)
GROUPS: tuple[Group, ...] = ("day", "hour", "month", "model", "project", "session", "tier")
PERIODS: tuple[Period | None, ...] = (None, "today", "week", "month")


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    calls=CALLS,
    by=st.lists(st.sampled_from(GROUPS), min_size=1, max_size=2, unique=True),
    period=st.sampled_from(PERIODS),
    options=st.sampled_from([[], ["--json"], ["--csv"]]),
)
def test_it_says_what_the_whole_command_says(
    places: Path,
    calls: list[ModelCall],
    by: list[Group],
    period: Period | None,
    options: list[str],
) -> None:
    for file in places.glob("agentos.db*"):
        file.unlink()

    async def make() -> None:
        store = await Store.open()
        await fill(store, [replace(call, identity=str(n)) for n, call in enumerate(calls)])
        await store.close()

    asyncio.run(make())
    words = [word for group in by for word in ("--by", group)]
    said = quickly(*([period] if period else []), *words, *options, "--no-read")
    assert said == otherwise(period, by, options)


async def test_what_has_grown_is_left_to_the_whole_command(places: Path) -> None:
    rollout(places, lines.meta("t") + lines.context() + lines.record("one", (100, 0, 0, 1, 0)))
    assert quickly("--json") is None  # there is no ledger yet
    await read()
    said = quickly("--json")
    assert said is not None
    assert json.loads(said)["total"]["input"] == 100
    rollout(places, lines.record("two", (100, 0, 0, 1, 0)))
    assert quickly("--json") is None
    assert quickly("--json", "--no-read") == said
    await read()
    assert json.loads(quickly("--json") or "")["total"]["input"] == 200
    (places / "CODEX_HOME" / "sessions" / "rollout-t.jsonl").unlink()
    assert quickly("--json") is None  # that it is gone has to be written down


@pytest.mark.parametrize(
    "words",
    [
        *(["--since", "7d"], ["--tz", "UTC"], ["--help"], ["--by"], ["--by", "nothing"]),
        *(["--by", "model", "today"], ["session", "x"], ["--nonsense"], ["doctor"]),
    ],
)
async def test_what_is_unusual_is_left_to_the_whole_command(words: list[str]) -> None:
    await read()
    assert quickly(*words) is None


async def test_settings_of_usage_are_left_to_the_whole_command(places: Path) -> None:
    await read()
    assert quickly("--json") is not None
    (places / "AGENTOS_HOME").mkdir()
    (places / "AGENTOS_HOME" / "agentos.toml").write_text('[usage]\ntime_zone = "UTC"\n')
    assert quickly("--json") is None


async def test_a_store_of_another_version_is_left_to_the_whole_command(
    places: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await read()
    monkeypatch.setattr(usage_quick, "HEAD", "9999")
    assert quickly("--json") is None
    (places / "agentos.db").write_bytes(b"no database at all" * 100)
    assert quickly("--json") is None


def test_nothing_heavy_is_loaded_for_it(places: Path) -> None:
    rollout(places, lines.meta("t") + lines.context() + lines.record("one", (100, 0, 0, 1, 0)))
    asyncio.run(read())
    script = """
import sys
from agentos.cli.entry import main
sys.argv = ["agentos", "usage", "--by", "model", "--json"]
main()
heavy = "asyncio pydantic pydantic_core rich sqlalchemy typer hashlib".split()
loaded = [name for name in heavy if name in sys.modules]
assert not loaded, loaded
"""
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)
    assert json.loads(done.stdout)["total"]["calls"] == 1
