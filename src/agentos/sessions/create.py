"""Making a session: software, credentials, network, the agent's process."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from agentos.agents import AgentDefinition, AgentRequest, get_agent
from agentos.agents.definition import Launch
from agentos.agents.machine import AgentMachine
from agentos.errors import AgentCrashed
from agentos.sessions.connection import AgentConnection, Opened
from agentos.sessions.log_of_session import begin_log
from agentos.sessions.model_choice import Credentials, ModelChoice, choose
from agentos.sessions.permissions import Permission, check_policy
from agentos.sessions.session import Session

if TYPE_CHECKING:
    from agentos.agents.definition import McpServer
    from agentos.models.budgets import Budget
    from agentos.models.gateway import ModelGateway
    from agentos.models.provider import ModelProvider
    from agentos.sessions.past import Past
    from agentos.sessions.ready import ReadyAgent
    from agentos.sessions.tools.access import ToolAccess
    from agentos.sessions.tools.tool import Tool


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
    tools: Sequence[Tool | Callable[..., Any]] = (),
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
        tools: Functions of the host that the agent may call.
        permission: `"allow"`, `"ask"`, `"reject"`, or a function.
        ready: An agent that waits in this machine; it is taken, or ended if it does not fit.

    Raises:
        AgentNotFound: There is no such agent.
        AuthenticationRequired: It has no credentials; the hint says which would do.
        ConfigInvalid: The agent's configuration in the machine cannot be read, or a tool
            cannot be offered.
        NetworkDenied: The machine's policy forbids the model provider.
        SoftwareError: The agent could not be installed.
        AgentError: The agent did not start, or refused.
    """
    check_policy(permission)
    definition = get_agent(agent) if isinstance(agent, str) else agent
    asks = permission != "allow"
    wanted = AgentRequest(
        dict(env or {}), cwd, model, instructions, None, dict(mcp_servers or {}), asks
    )
    asked = ModelChoice(provider, model, credentials, profile, budget)
    return await _open(machine, definition, wanted, asked, permission, tools, ready=ready)


async def resume_session(
    machine: AgentMachine,
    session_id: str,
    *,
    env: Mapping[str, str] | None = None,
    model: str | None = None,
    provider: ModelProvider | ModelGateway | str | None = None,
    credentials: Credentials | None = None,
    profile: str | None = None,
    budget: Budget | None = None,
    mcp_servers: Mapping[str, McpServer] | None = None,
    tools: Sequence[Tool | Callable[..., Any]] = (),
    permission: Permission = "allow",
) -> Session:
    """Go on with a session of the store, in any machine; see `AgentOs.resume_session`."""
    from agentos.sessions.past import Past
    from agentos.sessions.transcripts.keeper import open_transcripts

    check_policy(permission)
    asked_now = ModelChoice(provider, model, credentials, profile, budget)
    async with open_transcripts() as transcripts:
        record = await transcripts.get(session_id)
        definition = get_agent(record.agent)
        then = record.settings
        wanted = AgentRequest(
            dict(env or {}),
            then.get("cwd"),
            model or then.get("model"),
            then.get("instructions"),
            None,
            dict(mcp_servers or {}),
            permission != "allow",
        )
        past = await Past.claim(transcripts, session_id)
        choice = replace(asked_now, model=wanted.model)
        return await _open(machine, definition, wanted, choice, permission, tools, past=past)


async def _open(
    machine: AgentMachine,
    definition: AgentDefinition,
    wanted: AgentRequest,
    asked: ModelChoice,
    permission: Permission,
    tools: Sequence[Tool | Callable[..., Any]],
    *,
    ready: ReadyAgent | None = None,
    past: Past | None = None,
) -> Session:
    """Start an agent and open a session with it, a new one or one of the past."""
    if definition.software:
        from agentos.software import ensure

        await ensure(definition.software)
    async with AsyncExitStack() as resources:
        choice = await choose(machine, definition, wanted, asked, resources)
        offered = await _offer(tools, machine, wanted, resources)
        wanted = wanted if offered is None else offered.added_to(wanted)
        request = replace(wanted, provider=choice.access, model=choice.model)
        launch = await definition.prepare(machine, request)
        for endpoint in launch.endpoints:
            await endpoint.open(machine, "the model provider")
        resumed, opened = None, None
        if ready is not None:
            opened = await _take(ready, definition, machine, launch, wanted)
        if opened is not None and ready is not None:
            connection = ready.connection
        else:
            connection = await connect(machine, launch, definition.name)
        resources.push_async_callback(connection.end)
        if past is not None:
            opened = await past.reopen(machine, connection, launch, wanted.mcp_servers)
            resumed = past.resumed(opened is not None, machine)
            if opened is None:
                launch = await past.told(definition, machine, request)
                await connection.end()
                connection = await connect(machine, launch, definition.name)
                resources.push_async_callback(connection.end)
        if opened is None:
            opened = await connection.open(launch, wanted.mcp_servers)
        log = await begin_log(resources, machine, definition, opened, wanted, past)
        kept = AsyncExitStack()
        session = Session(
            definition,
            connection,
            opened,
            log,
            permission=permission,
            warnings=launch.warnings,
            resources=kept,
            turns=past.turns if past else 0,
            resumed=resumed,
            tools=None if offered is None else offered.calls,
        )
        if choice.grant is not None:
            resources.enter_context(choice.grant.to(session))
        kept.push_async_exit(resources.pop_all())
        return session


async def _offer(
    tools: Sequence[Tool | Callable[..., Any]],
    machine: AgentMachine,
    wanted: AgentRequest,
    resources: AsyncExitStack,
) -> ToolAccess | None:
    if not tools:
        return None
    from agentos.sessions.tools.access import tool_access

    return await resources.enter_async_context(tool_access(machine, tools, wanted))


async def _take(
    ready: ReadyAgent,
    definition: AgentDefinition,
    machine: AgentMachine,
    launch: Launch,
    wanted: AgentRequest,
) -> Opened | None:
    """Open the session with the agent that waits; None if it does not fit, or has just died."""
    joined = ready.join(definition, machine, launch)
    try:
        if joined is not None:
            return await ready.connection.open(joined, wanted.mcp_servers)
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
