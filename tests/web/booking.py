"""Usage for pages to show: real rollouts, and calls of a month."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.usage.reports.filling import fill, made
from tests.web.conftest import Place, run

from agentos.store import Store
from agentos.usage.call import Confidence, ModelCall, Source
from agentos.usage.prices import Tokens

ROLLOUTS = Path(__file__).parents[1] / "data" / "rollouts"


def book(place: Place, calls: Iterable[ModelCall]) -> None:
    """Put calls into the hub's ledger."""

    async def put() -> None:
        store = await Store.open(place.environment["AGENTOS_STORE_URL"])
        try:
            await fill(store, calls)
        finally:
            await store.close()

    run(put())


def leave_rollouts(place: Place) -> None:
    """Have the rollouts of real Codex sessions where Codex leaves them."""
    sessions = place.user / ".codex" / "sessions"
    sessions.mkdir(parents=True)
    for file in ROLLOUTS.iterdir():
        shutil.copy(file, sessions / f"rollout-{file.name}")


def month() -> list[ModelCall]:
    """Return what two clients did in the last days, with some of unknown price."""
    kinds = [
        ("codex", "openai", "gpt-5.5", "/home/ada/instrument", 4),
        ("claude", "anthropic", "claude-opus-5-5", "/home/ada/instrument", 3),
        ("codex", "openai", "gpt-5.4", "/home/ada/site", 2),
        ("opencode", "local", "qwen3-coder", "/home/ada/notes", 1),
    ]
    now = datetime.now(UTC)
    found: list[ModelCall] = []
    for day in range(20):
        for number, (client, provider, model, project, much) in enumerate(kinds):
            for hour in range((day * 7 + number * 3) % 5):
                size = 40_000 * much * (1 + (day * 5 + number) % 4)
                found.append(
                    made(
                        len(found),
                        source=Source.GATEWAY if number == 3 else Source(client),
                        client=client,
                        provider=provider,
                        model=model,
                        project=project,
                        session=f"0199d0f2-{number:04}-7000-8000-{day:012}",
                        profile="planner" if number == 1 else "",
                        kind="turn" if hour else "compaction",
                        at=now - timedelta(days=day, hours=hour, minutes=number),
                        tokens=Tokens(size, cached_input=size * 3 // 4, output=size // 40),
                        confidence=Confidence.DERIVED if number == 2 else Confidence.EXACT,
                    )
                )
    return found
