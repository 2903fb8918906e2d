"""Stores with a ledger in them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.store.conftest import postgres as postgres
from tests.store.conftest import url as url

from agentos.store import Store


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    opened = await Store.open(url)
    yield opened
    await opened.close()
