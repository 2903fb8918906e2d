"""The source: what the user's AgentOS home, and the hub, have for the clients."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agentos.memories.memory import Memory
    from agentos.skills.skill import Skill


@dataclass(frozen=True)
class Profile:
    """A role: a model and its settings, reached as a profile of a client.

    Attributes:
        name: As `planner`.
        model: The provider's name of it, as `deepseek/deepseek-v4-flash`.
        provider: Whose it is.
        base_url: Where the provider's Responses API is.
        env_key: The variable that holds the key; the key itself is in no file.
        settings: Further top-level settings of Codex.
    """

    name: str
    model: str
    provider: str = "openrouter"
    base_url: str = "https://openrouter.ai/api/v1"
    env_key: str = "OPENROUTER_API_KEY"
    settings: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class HubEntry:
    """How a client reaches the hub.

    Attributes:
        command: The stdio bridge, which needs no environment: `("agentos", "mcp")`.
        url: The HTTP address, used instead where the user prefers it.
        over_http: Whether they do.
    """

    command: tuple[str, ...]
    url: str
    over_http: bool = False


@dataclass(frozen=True)
class Source:
    """What there is to deploy.

    Attributes:
        home: The AgentOS home.
        fragment: `clients/codex/config-fragment.toml`, parsed.
        instructions: By client, text for its AGENTS.md or CLAUDE.md (`clients/NAME/`).
        profiles, skills, memories: What is deployed to each client that can have it.
        hub: How the hub is reached; None for no entry.
    """

    home: Path
    fragment: Mapping[str, object] = field(default_factory=dict)
    instructions: Mapping[str, str] = field(default_factory=dict)
    profiles: tuple[Profile, ...] = ()
    skills: tuple[Skill, ...] = ()
    memories: tuple[Memory, ...] = ()
    hub: HubEntry | None = None
