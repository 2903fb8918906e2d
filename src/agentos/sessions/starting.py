"""Starting an agent for a session: the first time, or again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agentos.agents import AgentDefinition, AgentRequest
from agentos.agents.definition import Launch
from agentos.agents.machine import AgentMachine
from agentos.errors import AgentCrashed
from agentos.sessions.connection import AgentConnection, Opened

if TYPE_CHECKING:
    from agentos.sessions.past import Past, Resumed
    from agentos.sessions.ready import ReadyAgent


@dataclass(frozen=True)
class Started:
    """An agent with its session open.

    Attributes:
        resumed: How it took an earlier session up; None for a new one.
    """

    connection: AgentConnection
    opened: Opened
    warnings: Sequence[str] = ()
    resumed: Resumed | None = None


@dataclass(frozen=True)
class Starter:
    """Starts an agent in a machine, as often as a session needs it.

    Attributes:
        machine: Where it works.
        definition: The agent.
        request: What it is asked for, its way to the model included.
    """

    machine: AgentMachine
    definition: AgentDefinition
    request: AgentRequest

    async def first(self, ready: ReadyAgent | None = None) -> Started:
        """Open a new session, with the agent that waits if it fits."""
        launch = await self._prepare()
        if ready is not None and (opened := await self._take(ready, launch)) is not None:
            return Started(ready.connection, opened, launch.warnings)
        return await self._open(launch)

    async def again(self, past: Past) -> Started:
        """Go on with a session: by the agent's own means, else with a fresh one that is told."""
        launch = await self._prepare()
        await past.put_back(self.machine)
        connection = await connect(self.machine, launch, self.definition.name)
        try:
            opened = await past.reopen(connection, launch, self.request.mcp_servers)
        except BaseException:
            await connection.end()
            raise
        resumed = past.resumed(opened is not None, self.machine)
        if opened is not None:
            return Started(connection, opened, launch.warnings, resumed)
        await connection.end()
        told = await past.told(self.definition, self.machine, self.request)
        return await self._open(told, resumed)

    async def _prepare(self) -> Launch:
        launch = await self.definition.prepare(self.machine, self.request)
        if (provisions := await self.definition.place(self.machine, self.request)) is not None:
            from agentos.sessions.providing import provide

            await provide(self.machine, provisions)
        for endpoint in launch.endpoints:
            await endpoint.open(self.machine, "the model provider")
        return launch

    async def _open(self, launch: Launch, resumed: Resumed | None = None) -> Started:
        connection = await connect(self.machine, launch, self.definition.name)
        try:
            opened = await connection.open(launch, self.request.mcp_servers)
        except BaseException:
            await connection.end()
            raise
        return Started(connection, opened, launch.warnings, resumed)

    async def _take(self, ready: ReadyAgent, launch: Launch) -> Opened | None:
        """Open the session with the agent that waits; None if it does not fit, or just died."""
        joined = ready.join(self.definition, self.machine, launch)
        try:
            if joined is not None:
                return await ready.connection.open(joined, self.request.mcp_servers)
        except AgentCrashed:
            pass  # another one is started
        except BaseException:
            await ready.connection.end()
            raise
        await ready.connection.end()
        return None


async def connect(machine: AgentMachine, launch: Launch, name: str) -> AgentConnection:
    """Start an agent's process and speak its protocol; the caller ends it."""
    if launch.driver == "codex":
        from agentos.sessions.codex.connection import CodexConnection

        return await CodexConnection.start(machine, launch, name)
    from agentos.sessions.acp_client import AcpConnection

    return await AcpConnection.start(machine, launch, name)
