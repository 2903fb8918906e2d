"""What the hub's parts receive, and how they begin and end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from fastapi import FastAPI
from sqlalchemy import text
from tests.hub.conftest import Started

from agentos.errors import AgentOsError
from agentos.hub.errors import Refused
from agentos.hub.hub import Hub
from agentos.hub.settings import HubSettings


async def test_parts_begin_in_order_with_the_store_open_and_end_in_reverse(
    asking: Started,
) -> None:
    happened: list[str] = []

    def part(name: str) -> object:
        def add(app: FastAPI, hub: Hub) -> AbstractAsyncContextManager[None]:
            @asynccontextmanager
            async def running() -> AsyncIterator[None]:
                async with hub.store.reading() as connection:
                    assert await connection.scalar(text("select 1")) == 1
                happened.append(f"{name} begins")
                yield
                assert hub.store is not None
                happened.append(f"{name} ends")

            return running()

        return add

    async with asking(parts=[part("one"), part("two")]) as hub:
        happened.append("asked")
    assert happened == ["one begins", "two begins", "asked", "two ends", "one ends"]
    with pytest.raises(AgentOsError, match="not open"):
        _ = hub.hub.store


def test_the_home_is_told_missing_or_gone(tmp_path: Path) -> None:
    home = tmp_path / "home"
    before = Hub(HubSettings(), tmp_path / "state", home)
    with pytest.raises(Refused, match="there is no AgentOS home at") as caught:
        before.require_home()
    assert "agentos init" in str(caught.value.hint)
    home.mkdir()
    hub = Hub(HubSettings(), tmp_path / "state", home)
    assert hub.require_home() == home
    home.rename(tmp_path / "elsewhere")
    with pytest.raises(Refused, match="is not there any more") as caught:
        hub.require_home()
    assert (caught.value.status, caught.value.code) == (503, "home_missing")
