"""Interpreters in a guest are those of any machine: by the same tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.machine.interpreters.test_interpreters import *  # noqa: F403

from agentos.machine.machine import AgentOs

del vm, test_a_memory_limit_names_itself, ISOLATIONS  # noqa: F821


@pytest.fixture(name="vm")
async def guest(played: None) -> AsyncIterator[AgentOs]:
    async with AgentOs(isolation="microvm", software=["node"]) as machine:
        yield machine
