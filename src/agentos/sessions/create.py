"""Making a session: software, credentials, network, the agent's process."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentos.agents import AgentDefinition, AgentRequest, get_agent
from agentos.agents.guidance import Guidance
from agentos.agents.machine import AgentMachine
from agentos.agents.profile import Profile
from agentos.errors import AgentCrashed, AgentError
from agentos.sessions.log_of_session import begin_log
from agentos.sessions.model_choice import Credentials, ModelChoice, choose, with_profile
from agentos.sessions.options import refused
from agentos.sessions.permissions import Permission
from agentos.sessions.request import SessionRequest
from agentos.sessions.session import Session
from agentos.sessions.starting import Started, Starter

if TYPE_CHECKING:
    from agentos.agents.definition import McpServer
    from agentos.agents.skills import Skill
    from agentos.models.budgets import Budget
    from agentos.models.gateway import ModelGateway
    from agentos.models.provider import ModelProvider
    from agentos.sessions.forking import Branching
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
    profile_file: str | Path | None = None,
    skills: Sequence[Skill | str | Path] = (),
    instructions_file: str | Path | None = None,
    memories: Sequence[str | Path] = (),
    budget: Budget | None = None,
    mcp_servers: Mapping[str, McpServer] | None = None,
    tools: Sequence[Tool | Callable[..., Any]] = (),
    permission: Permission = "allow",
    permission_timeout: float | None = None,
    idle_timeout: float | None = None,
    mode: str | None = None,
    ready: ReadyAgent | None = None,
) -> Session:
    """Start an agent in a machine and open a session with it.

    An error leaves nothing of it behind but files that were given.

    Args:
        machine: Where it works.
        agent: Its name, the path of its file, or a definition of your own.
        env: Environment of the agent, such as `OPENAI_API_KEY`.
        cwd: Where it works; by default the home directory.
        model: The model it asks for.
        instructions: Added to the agent's own.
        provider: A model provider on the host, such as the rehearsal model; or a gateway of
            your own; or a route for the gateway, such as `"openrouter"`.
        credentials: `"gateway"` keeps the provider's key on the host, `"env"` takes what is in
            `env` or the machine; by default the gateway if `agentos.toml` configures a provider
            and the session has no credentials of its own.
        profile: A role: its file's settings apply, and calls are booked under it.
        profile_file: The profile's file, in the agent's own format.
        skills: Skills: directories, texts of a SKILL.md, or `Skill`s.
        instructions_file: An AGENTS.md: its path, or its text.
        memories: What was learned earlier: texts, or paths of files.
        budget: What it may spend; through the gateway only.
        mcp_servers: MCP servers by name, beside those in the agent's own configuration.
        tools: Functions of the host that the agent may call.
        permission: `"allow"`, `"ask"`, `"reject"`, `PermissionRules`, or a function.
        permission_timeout: Seconds after which an unanswered question is rejected.
        idle_timeout: Seconds without work after which the agent ends until it is needed.
        mode: The agent's mode to begin with.
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
    definition = get_agent(agent) if isinstance(agent, str) else agent
    wanted = AgentRequest(
        dict(env or {}),
        cwd,
        model,
        instructions,
        None,
        dict(mcp_servers or {}),
        permission != "allow",
        Guidance.of(skills, instructions_file, memories),
        Profile.of(profile, profile_file),
    )
    choice = ModelChoice(provider, model, credentials, wanted.booked_under, budget)
    request = SessionRequest(
        wanted, choice, permission, permission_timeout, idle_timeout, mode, tuple(tools)
    )
    return await open_session(machine, definition, request, ready=ready)


async def resume_session(
    machine: AgentMachine,
    session_id: str,
    *,
    agent: AgentDefinition | None = None,
    env: Mapping[str, str] | None = None,
    model: str | None = None,
    provider: ModelProvider | ModelGateway | str | None = None,
    credentials: Credentials | None = None,
    profile: str | None = None,
    profile_file: str | Path | None = None,
    skills: Sequence[Skill | str | Path] = (),
    instructions_file: str | Path | None = None,
    memories: Sequence[str | Path] = (),
    budget: Budget | None = None,
    mcp_servers: Mapping[str, McpServer] | None = None,
    tools: Sequence[Tool | Callable[..., Any]] = (),
    permission: Permission = "allow",
    permission_timeout: float | None = None,
    idle_timeout: float | None = None,
    mode: str | None = None,
) -> Session:
    """Go on with a session of the store, in any machine; see `AgentOs.resume_session`."""
    from agentos.sessions.past import Past
    from agentos.sessions.transcripts.keeper import open_transcripts

    guidance = Guidance.of(skills, instructions_file, memories)
    async with open_transcripts() as transcripts:
        record = await transcripts.get(session_id)
        definition = agent or get_agent(record.agent)
        then = record.settings
        wanted = AgentRequest(
            dict(env or {}),
            then.get("cwd"),
            model or then.get("model"),
            then.get("instructions"),
            None,
            dict(mcp_servers or {}),
            permission != "allow",
            guidance,
            Profile.of(profile or then.get("profile"), profile_file),
        )
        choice = ModelChoice(provider, wanted.model, credentials, wanted.booked_under, budget)
        mode = mode or then.get("mode")
        request = SessionRequest(
            wanted, choice, permission, permission_timeout, idle_timeout, mode, tuple(tools)
        )
        past = await Past.claim(transcripts, session_id)
        return await open_session(machine, definition, request, past=past)


async def open_session(
    machine: AgentMachine,
    definition: AgentDefinition,
    request: SessionRequest,
    *,
    ready: ReadyAgent | None = None,
    past: Past | None = None,
    owned: Branching | None = None,
) -> Session:
    """Start an agent and open a session with it.

    Args:
        machine: Where it works.
        definition: The agent.
        request: What is asked of both.
        ready: An agent that waits in this machine.
        past: The session to go on with, or to fork.
        owned: The machine, if it is to close with the session.
    """
    if definition.software:
        from agentos.software import ensure

        await ensure(definition.software)
    async with AsyncExitStack() as resources:
        if owned is not None:
            resources.push_async_callback(owned.close)
        how = await with_profile(machine, definition, request.agent, request.model)
        choice = await choose(machine, definition, request.agent, how, resources)
        offered = await _offer(request.tools, machine, request.agent, resources)
        wanted = request.agent if offered is None else offered.added_to(request.agent)
        asked = replace(wanted, provider=choice.access, model=choice.model)
        starter = Starter(machine, definition, asked)
        started = await (starter.first(ready) if past is None else starter.again(past))
        async with AsyncExitStack() as until_session:
            until_session.push_async_callback(started.connection.end)
            if request.mode is not None:
                await _set_mode(started, request.mode)
            transcript = await begin_log(
                resources, machine, definition, started.opened, request, past
            )
            kept = AsyncExitStack()
            session = Session(
                request,
                starter,
                started,
                transcript,
                resources=kept,
                past=past if past and not past.forks else None,
                tools=None if offered is None else offered.calls,
            )
            until_session.pop_all()  # the session ends its agent itself
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


async def _set_mode(started: Started, mode: str) -> None:
    try:
        await started.connection.set_mode(started.opened.session_id, mode)
    except AgentCrashed:
        raise
    except AgentError as error:
        raise refused(error, started.opened.options, "mode") from error
