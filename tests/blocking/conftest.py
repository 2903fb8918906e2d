"""Machines and sessions for code without an event loop."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from agentos.blocking import AgentOs, shutdown


@pytest.fixture(autouse=True)
def _event_loop_ends() -> Iterator[None]:
    """End the event loop's thread, whose descriptors would count as left behind."""
    yield
    shutdown()


@pytest.fixture
def vm() -> Iterator[AgentOs]:
    """A machine of the test's own."""
    with AgentOs() as machine:
        yield machine
