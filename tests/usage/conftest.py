"""A ledger of the test's own, in SQLite and in PostgreSQL, and homes to fill it from."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.store.conftest import postgres, url

from agentos.store import Store
from agentos.usage.call import Source
from agentos.usage.homes import UsageHome
from agentos.usage.ledger import Ledger

__all__ = ["postgres", "url"]

#: Real rollouts: Codex 0.137, and 0.169 with a fork, model switches and compactions.
ROLLOUTS = Path(__file__).parents[1] / "data" / "rollouts"


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    """Return an empty store."""
    store = await Store.open(url)
    yield store
    await store.close()


@pytest.fixture
def ledger(store: Store) -> Ledger:
    """Return an empty ledger."""
    return Ledger(store)


@pytest.fixture
def codex(tmp_path: Path) -> UsageHome:
    """Return an empty Codex home."""
    (tmp_path / "codex" / "sessions").mkdir(parents=True)
    return UsageHome(Source.CODEX, tmp_path / "codex")
