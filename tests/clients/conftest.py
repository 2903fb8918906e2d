"""The real Codex in a real machine; only its model is played."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

import pytest

from agentos import (
    AgentOs,
    NetworkPolicy,
    ProcessInfo,
    RehearsalModel,
    Scenario,
    Session,
    Step,
)
from agentos.machine.isolation.backends import Isolation
from agentos.software import ensure


@dataclass
class Stage:
    """A machine, a session of Codex in it, and the model that it talks to."""

    vm: AgentOs
    session: Session
    model: RehearsalModel


StageMaker = Callable[..., AbstractAsyncContextManager[Stage]]


@pytest.fixture(scope="session", autouse=True)
def _installed() -> None:
    asyncio.run(ensure(["codex-acp"]))


@pytest.fixture
async def vm() -> AsyncIterator[AgentOs]:
    async with AgentOs() as machine:
        yield machine


@pytest.fixture(params=["codex", "codex-acp"])
def agent(request: pytest.FixtureRequest) -> str:
    """Name Codex driven directly, and through its ACP adapter: both behave the same."""
    name: str = request.param
    return name


@pytest.fixture
def stage(agent: str) -> StageMaker:
    """Make a machine and a session that plays the given steps."""

    @asynccontextmanager
    async def make(
        *steps: Step,
        files: dict[str, str] | None = None,
        network: NetworkPolicy | None = None,
        slug: str = "gpt-5.5",
        isolation: Isolation = "namespace",
        **settings: object,
    ) -> AsyncIterator[Stage]:
        scenario = Scenario(steps=list(steps), model=slug)
        vm = AgentOs(network=network, isolation=isolation)
        async with RehearsalModel(scenario) as model, vm as machine:
            for path, text in (files or {}).items():
                await machine.mkdir(path.rpartition("/")[0] or ".", parents=True)
                await machine.write_file(path, text)
            session = await machine.create_session(agent, provider=model, **settings)  # type: ignore[arg-type]
            async with session:
                yield Stage(machine, session, model)

    return make


async def until_running(vm: AgentOs, *command: str) -> ProcessInfo:
    """Wait until a command runs in the machine: Codex tells its output only later."""
    while True:
        for process in await vm.processes():
            if process.command == command:
                return process
        await asyncio.sleep(0.02)
