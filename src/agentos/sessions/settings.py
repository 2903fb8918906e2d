"""The settings of a session, for whatever makes or resumes sessions."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from agentos.agents import AgentRequest
from agentos.agents.guidance import Guidance
from agentos.agents.profile import Profile
from agentos.errors import ConfigInvalid
from agentos.sessions.companion import Companion
from agentos.sessions.model_choice import ModelChoice
from agentos.sessions.request import SessionRequest

if TYPE_CHECKING:
    from agentos.agents.definition import McpServer
    from agentos.agents.skills import Skill
    from agentos.models.budgets import Budget
    from agentos.models.gateway import ModelGateway
    from agentos.models.provider import ModelProvider
    from agentos.sessions.model_choice import Credentials
    from agentos.sessions.permissions import Permission
    from agentos.sessions.tools.tool import Tool


class ResumeSettings(TypedDict, total=False):
    """What `AgentOs.resume_session` takes, described at `AgentOs.create_session`."""

    env: Mapping[str, str] | None
    model: str | None
    provider: ModelProvider | ModelGateway | str | None
    credentials: Credentials | None
    profile: str | None
    profile_file: str | Path | None
    skills: Sequence[Skill | str | Path]
    instructions_file: str | Path | None
    memories: Sequence[str | Path]
    budget: Budget | None
    mcp_servers: Mapping[str, McpServer] | None
    tools: Sequence[Tool | Callable[..., Any]]
    permission: Permission
    permission_timeout: float | None
    idle_timeout: float | None
    mode: str | None
    hub: Companion | Collection[str] | bool


class SessionSettings(ResumeSettings, total=False):
    """What `AgentOs.create_session` takes, described there."""

    cwd: str | None
    instructions: str | None
    id: str | None
    notes: Mapping[str, Any]


def requested(settings: SessionSettings) -> SessionRequest:
    """Turn settings into a request.

    Raises:
        TypeError: There is no setting of a name.
        ConfigInvalid: A value cannot be.
        AgentOsError: The permission policy is none.
    """
    check_names(settings, SessionSettings.__optional_keys__)
    permission = settings.get("permission", "allow")
    agent = AgentRequest(
        env=dict(settings.get("env") or {}),
        cwd=settings.get("cwd"),
        model=settings.get("model"),
        instructions=settings.get("instructions"),
        mcp_servers=dict(settings.get("mcp_servers") or {}),
        asks=permission != "allow",
        guidance=Guidance.of(
            settings.get("skills", ()),
            settings.get("instructions_file"),
            settings.get("memories", ()),
        ),
        profile=Profile.of(settings.get("profile"), settings.get("profile_file")),
    )
    model = ModelChoice(
        settings.get("provider"),
        agent.model,
        settings.get("credentials"),
        agent.booked_under,
        settings.get("budget"),
    )
    return SessionRequest(
        agent,
        model,
        permission,
        settings.get("permission_timeout"),
        settings.get("idle_timeout"),
        settings.get("mode"),
        tuple(settings.get("tools", ())),
        _companion(settings.get("hub", False)),
        settings.get("id"),
        dict(settings.get("notes") or {}),
    )


def _companion(hub: Companion | Collection[str] | bool) -> Companion | None:
    if isinstance(hub, Companion):
        return hub
    if hub is False:
        return None
    raise ConfigInvalid(
        "hub= is understood by AgentOs.create_session", hint="pass hub=HubAccess() here"
    )


def check_names(settings: Mapping[str, Any], known: frozenset[str]) -> None:
    """Refuse a name that is none of the settings, as Python refuses a wrong keyword.

    Raises:
        TypeError: There is no setting of a name.
    """
    for name in settings.keys() - known:
        raise TypeError(f"there is no such setting here: {name!r}")
