"""Making a session: software, credentials, network, the agent's process."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from agentos.agents import AgentDefinition, AgentRequest, get_agent
from agentos.agents.definition import Launch
from agentos.agents.machine import AgentMachine
from agentos.sessions.connection import AgentConnection, Opened
from agentos.sessions.event_log import EventLog
from agentos.sessions.ids import new_id
from agentos.sessions.model_choice import Credentials, ModelChoice, choose
from agentos.sessions.permissions import Permission, check_policy
from agentos.sessions.session import Session

if TYPE_CHECKING:
    from agentos.agents.definition import McpServer
    from agentos.models.budgets import Budget
    from agentos.models.gateway import ModelGateway
    from agentos.models.provider import ModelProvider
    from agentos.sessions.ready import ReadyAgent


async def create_session(
    machine: AgentMachine,
    agent: str | AgentDefinition = "codex",
    *,
    env: Mapping[str, str] | None = None,
    cwd: str | None = None,
    model: str | None = None,
    instructions: str | None = None,
    provider: ModelProvider | ModelGateway | str | None = None,
    credentials: Credentials | None = None,
    profile: str | None = None,
    budget: Budget | None = None,
    mcp_servers: Mapping[str, McpServer] | None = None,
    permission: Permission = "allow",
    ready: ReadyAgent | None = None,
) -> Session:
    """Start an agent in a machine and open a session with it.

    An error leaves nothing of it behind.

    Args:
        machine: Where it works.
        agent: Its name, or a definition of your own.
        env: Environment of the agent, such as `OPENAI_API_KEY`.
        cwd: Where it works; by default the home directory.
        model: The model it asks for.
        instructions: Added to the agent's own.
        provider: A model provider on the host, such as the rehearsal model; or a gateway of
            your own; or a route for the gateway, such as `"openrouter"`.
        credentials: `"gateway"` keeps the provider's key on the host, `"env"` takes what is in
            `env` or the machine; by default the gateway if `agentos.toml` configures a provider
            and the session has no credentials of its own.
        profile: What its calls are booked under.
        budget: What it may spend; through the gateway only.
        mcp_servers: MCP servers by name, beside those in the agent's own configuration.
        permission: `"allow"`, `"ask"`, `"reject"`, or a function.
        ready: An agent that waits in this machine; it is taken, or ended if it does not fit.

    Raises:
        AgentNotFound: There is no such agent.
        AuthenticationRequired: It has no credentials; the hint says which would do.
        ConfigInvalid: The agent's configuration in the machine cannot be read.
        NetworkDenied: The machine's policy forbids the model provider.
        SoftwareError: The agent could not be installed.
        AgentError: The agent did not start, or refused.
    """
    check_policy(permission)
    definition = get_agent(agent) if isinstance(agent, str) else agent
    if definition.software:
        from agentos.software import ensure

        await ensure(definition.software)
    servers = dict(mcp_servers or {})
    async with AsyncExitStack() as resources:
        asks = permission != "allow"
        wanted = AgentRequest(dict(env or {}), cwd, model, instructions, None, servers, asks)
        asked = ModelChoice(provider, model, credentials, profile, budget)
        choice = await choose(machine, definition, wanted, asked, resources)
        request = replace(wanted, provider=choice.access, model=choice.model)
        launch = await definition.prepare(machine, request)
        for endpoint in launch.endpoints:
            await endpoint.open(machine, "the model provider")
        connection, launch = await _take(ready, definition, machine, launch)
        resources.push_async_callback(connection.end)
        opened = await connection.open(launch, servers)
        log = await _begin_log(resources, machine, definition, opened, wanted)
        kept = AsyncExitStack()
        session = Session(
            definition,
            connection,
            opened,
            log,
            permission=permission,
            warnings=launch.warnings,
            resources=kept,
        )
        if choice.grant is not None:
            resources.enter_context(choice.grant.to(session))
        kept.push_async_exit(resources.pop_all())
        return session


async def _begin_log(
    resources: AsyncExitStack,
    machine: AgentMachine,
    definition: AgentDefinition,
    opened: Opened,
    request: AgentRequest,
) -> EventLog:
    """Begin the transcript of a session, in the store that is kept open as long as it."""
    from agentos.sessions.transcripts.keeper import StoredSession, open_transcripts
    from agentos.sessions.transcripts.transcripts import SessionRecord
    from agentos.store import default_url

    url = default_url()
    transcripts = await resources.enter_async_context(open_transcripts(url))
    settings = {"cwd": request.cwd, "model": request.model, "instructions": request.instructions}
    record = SessionRecord(
        new_id(),
        definition.name,
        machine.name,
        agent_session=opened.session_id,
        settings={name: value for name, value in settings.items() if value is not None},
    )
    epoch = await transcripts.create(record)
    return EventLog(record.id, StoredSession(record.id, epoch, url))


async def _take(
    ready: ReadyAgent | None, definition: AgentDefinition, machine: AgentMachine, launch: Launch
) -> tuple[AgentConnection, Launch]:
    """Take the agent that waits, if it fits; else start one."""
    if ready is not None:
        joined = ready.join(definition, machine, launch)
        if joined is not None:
            return ready.connection, joined
        await ready.connection.end()
    return await connect(machine, launch, definition.name), launch


async def connect(machine: AgentMachine, launch: Launch, name: str) -> AgentConnection:
    """Start an agent's process and speak its protocol; the caller ends it."""
    if launch.driver == "codex":
        from agentos.sessions.codex.connection import CodexConnection

        return await CodexConnection.start(machine, launch, name)
    from agentos.sessions.acp_client import AcpConnection

    return await AcpConnection.start(machine, launch, name)
