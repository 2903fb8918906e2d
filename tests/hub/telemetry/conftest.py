"""A store of each kind, and telemetry that takes no time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.store.conftest import postgres, url  # noqa: F401

from agentos.home.projects import ActiveProjects, Project
from agentos.hub.settings import HubSettings
from agentos.hub.telemetry.telemetry import Pace, Telemetry
from agentos.store import Store

PROJECTS = (Project("website", Path("/website")), Project("billing", Path("/billing")))
QUICK = Pace(batch=0.01, retry=0.01, poll=0.01, retention=3600, flush=30)


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:  # noqa: F811
    """A store in SQLite, then in PostgreSQL."""
    opened = await Store.open(url)
    yield opened
    await opened.close()


@pytest.fixture
async def light_store(tmp_path: Path) -> AsyncIterator[Store]:
    """A store in SQLite, where the kind does not matter."""
    opened = await Store.open(f"sqlite:///{tmp_path}/agentos.db")
    yield opened
    await opened.close()


@pytest.fixture
def projects(tmp_path: Path) -> ActiveProjects:
    """Two projects, none of them active."""
    return ActiveProjects(PROJECTS, tmp_path / "state")


@pytest.fixture
async def telemetry(store: Store, projects: ActiveProjects) -> AsyncIterator[Telemetry]:
    """Telemetry of a hub that runs, and forgets nothing however old the test says it is."""
    settings = HubSettings(retention_days=100_000)
    async with Telemetry(store, settings, projects=projects, pace=QUICK) as running:
        yield running
