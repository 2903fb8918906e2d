"""A machine's way to a model provider on the host."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from agentos.errors import AgentCrashed
from agentos.sessions.model_route import MODELS, model_access

if TYPE_CHECKING:
    from agentos.testing.host_machine import HostMachine

    from .conftest import Scripted


@dataclass(frozen=True)
class Provider:
    base_url: str
    api_key: str | None = "key"
    model: str | None = None


ONE, TWO = Provider("http://127.0.0.1:4001/v1"), Provider("http://127.0.0.1:4002/v1")


async def test_a_route_lasts_as_long_as_the_sessions_that_use_it(machine: HostMachine) -> None:
    async with AsyncExitStack() as later:
        async with model_access(machine, ONE) as first:
            second = await later.enter_async_context(model_access(machine, ONE))
            assert first.base_url == second.base_url == f"http://{MODELS}/v1"
        assert machine.network.routes == {(MODELS, 80): ("127.0.0.1", 4001)}
    assert machine.network.routes == {}


async def test_two_providers_do_not_get_in_each_others_way(machine: HostMachine) -> None:
    async with model_access(machine, ONE), model_access(machine, TWO) as second:
        assert second.base_url == f"http://{MODELS}:81/v1"
        assert set(machine.network.routes.values()) == {("127.0.0.1", 4001), ("127.0.0.1", 4002)}


async def test_a_provider_with_a_certificate_keeps_its_name(machine: HostMachine) -> None:
    async with model_access(machine, Provider("https://llm.example/v1")) as access:
        assert access.base_url == "https://llm.example/v1"
        assert access.endpoint is not None
        assert access.endpoint.granted
    assert machine.network.routes == {}


async def test_a_session_that_fails_to_start_leaves_no_route(
    scripted: Scripted, machine: HostMachine
) -> None:
    with pytest.raises(AgentCrashed):
        async with scripted([], opening=[{"exit": 1}], provider=ONE):
            pass
    assert machine.network.routes == {}


async def test_a_closed_session_leaves_no_route(scripted: Scripted, machine: HostMachine) -> None:
    async with scripted([{"say": "hi"}], provider=ONE) as session:
        assert machine.network.routes
        await session.prompt("go")
    assert machine.network.routes == {}
