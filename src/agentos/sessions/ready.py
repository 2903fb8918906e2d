"""An agent that was started before anybody asked for a session with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from agentos.agents import AgentDefinition, Launch, get_agent
from agentos.agents.machine import AgentMachine
from agentos.errors import AgentError
from agentos.sessions.connection import AgentConnection


@dataclass
class ReadyAgent:
    """An agent's process that has introduced itself and waits for its session.

    Attributes:
        name: The agent's name.
        connection: The conversation with it.
        env: The environment that it was started with.
    """

    name: str
    connection: AgentConnection
    env: Mapping[str, str]

    def join(
        self, definition: AgentDefinition, machine: AgentMachine, launch: Launch
    ) -> Launch | None:
        """Fit a session to the process, or return None where it would need one of its own."""
        if definition.name != self.name or self.connection.process.ended.done():
            return None
        wanted = machine.environment(launch.env)
        missing = {name: value for name, value in wanted.items() if self.env.get(name) != value}
        return definition.joined(launch, missing)


async def make_ready(machine: AgentMachine, agent: str) -> ReadyAgent:
    """Start an agent in a machine, as far as it goes without a session.

    Raises:
        AgentError: (`agent_cannot_wait`) It needs to know its session when it starts.
        AgentNotFound: There is no such agent.
        SoftwareError: It could not be installed.
    """
    definition = get_agent(agent)
    launch = definition.waiting(machine)
    if launch is None:
        raise AgentError(
            f"{agent} cannot be started before its session is known",
            code="agent_cannot_wait",
            hint='"codex" can',
        )
    if definition.software:
        from agentos.software import ensure

        await ensure(definition.software)
    from agentos.sessions.starting import connect

    connection = await connect(machine, launch, agent)
    try:
        await connection.introduce()
    except BaseException:
        await connection.end()
        raise
    return ReadyAgent(agent, connection, machine.environment(launch.env))
