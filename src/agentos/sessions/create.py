"""Making a session: software, credentials, network, the agent's process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Unpack

from agentos.agents import AgentDefinition, AgentRequest, get_agent
from agentos.agents.machine import AgentMachine
from agentos.errors import AgentCrashed, AgentError
from agentos.sessions.log_of_session import begin_log
from agentos.sessions.model_choice import choose, with_profile
from agentos.sessions.options import refused
from agentos.sessions.request import SessionRequest
from agentos.sessions.session import Session
from agentos.sessions.settings import ResumeSettings, SessionSettings, check_names, requested
from agentos.sessions.starting import Started, Starter

if TYPE_CHECKING:
    from agentos.sessions.forking import Branching
    from agentos.sessions.past import Past
    from agentos.sessions.ready import ReadyAgent
    from agentos.sessions.tools.access import ToolAccess
    from agentos.sessions.tools.tool import Tool
    from agentos.sessions.transcripts import SessionRecord


async def create_session(
    machine: AgentMachine,
    agent: str | AgentDefinition = "codex",
    *,
    ready: ReadyAgent | None = None,
    **settings: Unpack[SessionSettings],
) -> Session:
    """Start an agent in a machine and open a session with it; see `AgentOs.create_session`.

    An error leaves nothing of it behind but files that were given.

    Args:
        machine: Where it works.
        agent: Its name, the path of its file, or a definition of your own.
        ready: An agent that waits in this machine; it is taken, or ended if it does not fit.
        settings: As for `AgentOs.create_session`.

    Raises:
        AgentNotFound: There is no such agent.
        AuthenticationRequired: It has no credentials; the hint says which would do.
        ConfigInvalid: The agent's configuration in the machine cannot be read, or a tool
            cannot be offered.
        NetworkDenied: The machine's policy forbids the model provider.
        SoftwareError: The agent could not be installed.
        AgentError: The agent did not start, or refused.
    """
    async with AsyncExitStack() as until_session:
        if ready is not None:
            until_session.push_async_callback(ready.connection.end)
        definition = get_agent(agent) if isinstance(agent, str) else agent
        session = await open_session(machine, definition, requested(settings), ready=ready)
        until_session.pop_all()
        return session


async def resume_session(
    machine: AgentMachine,
    session_id: str,
    *,
    agent: AgentDefinition | None = None,
    **settings: Unpack[ResumeSettings],
) -> Session:
    """Go on with a session of the store, in any machine; see `AgentOs.resume_session`."""
    from agentos.sessions.past import Past
    from agentos.sessions.transcripts.keeper import open_transcripts

    check_names(settings, ResumeSettings.__optional_keys__)
    async with open_transcripts() as transcripts:
        record = await transcripts.get(session_id)
        definition = agent or get_agent(record.agent)
        request = requested(_as_it_was(settings, record))
        past = await Past.claim(transcripts, session_id)
        return await open_session(machine, definition, request, past=past)


def _as_it_was(settings: ResumeSettings, record: SessionRecord) -> SessionSettings:
    """Add what a session was made with, and what is not said otherwise."""
    then = record.settings
    whole: SessionSettings = {
        **settings,
        "id": None,
        "notes": {},
        "cwd": then.get("cwd"),
        "instructions": then.get("instructions"),
        "model": settings.get("model") or then.get("model"),
        "profile": settings.get("profile") or then.get("profile"),
        "mode": settings.get("mode") or then.get("mode"),
    }
    return whole


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
        await _deploy_profile(machine, definition, request.agent)
        how = await with_profile(machine, definition, request.agent, request.model)
        choice = await choose(machine, definition, request.agent, how, resources)
        offered = await _offer(request.tools, machine, request.agent, resources)
        wanted = request.agent if offered is None else offered.added_to(request.agent)
        if request.hub is not None:
            wanted = await resources.enter_async_context(request.hub.beside(machine, wanted))
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


async def _deploy_profile(
    machine: AgentMachine, definition: AgentDefinition, request: AgentRequest
) -> None:
    if request.profile is not None and definition.name in ("codex", "codex-acp"):
        from agentos.sessions.deploying import deploy_profile

        await deploy_profile(machine, request.env, request.profile)
