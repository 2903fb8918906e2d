"""The source: what the user's AgentOS home, and the hub, have for the clients."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from agentos.skills.settings import SkillSettings

if TYPE_CHECKING:
    from agentos.memories.memory import Memory
    from agentos.skills.skill import Skill

#: Where a pull puts things, in `clients/NAME/`: beside what is deployed from there, not over it.
PULLED = "pulled"
#: Providers that Codex has built in, so that a profile brings no table for them.
BUILT_IN_PROVIDERS = frozenset({"openai", "ollama", "lmstudio", "amazon-bedrock"})


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
        env: What the bridge is told of places that are not the usual ones.
        distribution: Of the Windows Subsystem for Linux, if that is where AgentOS runs.
    """

    command: tuple[str, ...]
    url: str
    over_http: bool = False
    env: Mapping[str, str] = field(default_factory=dict)
    distribution: str | None = None


@dataclass(frozen=True)
class Source:
    """What there is to deploy.

    Attributes:
        home: The AgentOS home.
        fragment: `clients/codex/config-fragment.toml`, parsed.
        settings: By client, keys for its settings file (`clients/NAME/settings.json`).
        instructions: By client, text for its AGENTS.md or CLAUDE.md (`clients/NAME/`).
        files: By client, files that only it gets: `{"claude": {"commands/ship.md": ...}}`.
        profiles, skills, memories: What is deployed to each client that can have it.
        projects: By client, its active project, whose memories are among its instructions.
        skill_settings: Which skills are on for which client, and the user's tokens.
        hub: How the hub is reached; None for no entry.
    """

    home: Path
    fragment: Mapping[str, object] = field(default_factory=dict)
    settings: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    instructions: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, Mapping[str, bytes]] = field(default_factory=dict)
    profiles: tuple[Profile, ...] = ()
    skills: tuple[Skill, ...] = ()
    memories: tuple[Memory, ...] = ()
    projects: Mapping[str, str | None] = field(default_factory=dict)
    skill_settings: SkillSettings = field(default_factory=SkillSettings)
    hub: HubEntry | None = None
