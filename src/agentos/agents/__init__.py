"""The agents that AgentOS knows how to start."""

from __future__ import annotations

from agentos.agents.built_in import BUILT_IN, built_in_agent
from agentos.agents.definition import (
    AgentDefinition,
    AgentRequest,
    Authentication,
    Endpoint,
    Launch,
    McpServer,
    ModelAccess,
)
from agentos.config import expanded
from agentos.errors import AgentNotFound, ConfigInvalid

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
    """Name the agents that exist: those built in, then those in the AgentOS home."""
    from agentos.agents.agent_file import agent_files

    return [*BUILT_IN, *agent_files()]


def get_agent(name: str) -> AgentDefinition:
    """Look an agent up by name, or read it from a file.

    Args:
        name: Such as `codex`; or the path of a file, which has a slash in it.

    Raises:
        AgentNotFound: There is none of that name; the hint names those there are.
        ConfigInvalid: Its file cannot be read.
    """
    if name in BUILT_IN:
        return built_in_agent(name)
    from agentos.agents.agent_file import agent_files, read_agent

    if "/" in name:
        return read_agent(expanded(name))
    files = agent_files()
    if name in files:
        agent = read_agent(files[name])
        if agent.name != name:
            raise ConfigInvalid(
                f"{files[name]} holds an agent named {agent.name!r}",
                hint="name the file like the agent",
            )
        return agent
    import difflib

    known = [*BUILT_IN, *files]
    close = difflib.get_close_matches(name.lower(), known, n=1)
    meant = f"did you mean {close[0]!r}? " if close else ""
    raise AgentNotFound(
        f"there is no agent named {name!r}", hint=f"{meant}known agents: {', '.join(known)}"
    )
