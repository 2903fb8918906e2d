"""The agents that AgentOS knows how to start."""

from __future__ import annotations

from agentos.agents.definition import (
    AgentDefinition,
    AgentRequest,
    Authentication,
    Endpoint,
    Launch,
    McpServer,
    ModelAccess,
)
from agentos.errors import AgentNotFound

__all__ = [
    "AgentDefinition",
    "AgentRequest",
    "Authentication",
    "Endpoint",
    "Launch",
    "McpServer",
    "ModelAccess",
    "agent_names",
    "get_agent",
]


def agent_names() -> list[str]:
    """Name the agents that exist."""
    return ["codex", "codex-acp"]


def get_agent(name: str) -> AgentDefinition:
    """Look an agent up by name.

    Args:
        name: Such as `codex`.

    Raises:
        AgentNotFound: There is none of that name; the hint names those there are.
    """
    from agentos.agents.codex import Codex, CodexAcp

    for definition in (Codex, CodexAcp):
        if name == definition.name:
            return definition()
    import difflib

    known = agent_names()
    close = difflib.get_close_matches(name.lower(), known, n=1)
    meant = f"did you mean {close[0]!r}? " if close else ""
    raise AgentNotFound(
        f"there is no agent named {name!r}", hint=f"{meant}known agents: {', '.join(known)}"
    )
