"""The agents that come with AgentOS."""

from __future__ import annotations

import importlib

from agentos.agents.definition import AgentDefinition
from agentos.errors import AgentNotFound

#: Where each is defined; only the one that is asked for is imported.
BUILT_IN = {
    "codex": ("agentos.agents.codex", "Codex"),
    "codex-acp": ("agentos.agents.codex", "CodexAcp"),
    "claude": ("agentos.agents.claude", "Claude"),
    "opencode": ("agentos.agents.opencode", "OpenCode"),
    "gemini": ("agentos.agents.gemini", "Gemini"),
    "pi": ("agentos.agents.pi", "Pi"),
}


def built_in_agent(name: str) -> AgentDefinition:
    """Make one of the built-in agents.

    Raises:
        AgentNotFound: There is none of that name.
    """
    if name not in BUILT_IN:
        raise AgentNotFound(
            f"there is no built-in agent named {name!r}", hint=f"built in: {', '.join(BUILT_IN)}"
        )
    module, definition = BUILT_IN[name]
    made: AgentDefinition = getattr(importlib.import_module(module), definition)()
    return made
