"""OpenAI Codex: `~/.codex`, or `CODEX_HOME`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from agentos.sync.client import Collected, Places
from agentos.sync.clients.codex_profiles import legacy_keys, profile_keys
from agentos.sync.clients.guidance import memory_files, section, skill_files
from agentos.sync.clients.keys import SERVER, TOKEN, bridge, flat
from agentos.sync.clients.paths import directory_in, user_home
from agentos.sync.clients.versions import Version, ask_version, parse_version
from agentos.sync.desired import Desired, KeyPath, Owned, OwnedKeys, Value
from agentos.sync.source import HubEntry, Source

#: From here on a profile is a file; tables of profiles stop Codex when one is used.
PROFILE_FILES: Version = (0, 134, 0)
#: From here on skills are read where all agents' skills are.
SHARED_SKILLS: Version = (0, 95, 0)
#: What Codex keeps among what it reads from us.
OWN_STATE = frozenset({".system", ".git", ".codex-baseline"})


class Codex:
    """`config.toml`, profiles, AGENTS.md, skills and memories.

    What Codex generates in `memories/` stays Codex's: ours have a directory there, and count
    because AGENTS.md has them too.
    """

    name = "codex"
    program: str | None = "codex"

    def places(self, env: Mapping[str, str]) -> Places:
        return Places(user_home(env), directory_in(env, "CODEX_HOME", ".codex"))

    def probe(self, program: Path) -> str | None:
        return ask_version(program, CODEX_HOME=os.devnull)  # else it begins to fill its home

    def skills(self, places: Places) -> Path:
        version = parse_version(places.version)
        if version is not None and version < SHARED_SKILLS:
            return places.directory / "skills"
        return places.user_home / ".agents" / "skills"

    def desired(self, source: Source, places: Places) -> Desired:
        version = parse_version(places.version)
        warnings: list[str] = []
        values = _settings(source, warnings)
        profiles: list[OwnedKeys] = []
        if version is None or version >= PROFILE_FILES:
            profiles = [profile_keys(each, places.directory) for each in source.profiles]
        else:
            values |= legacy_keys(source.profiles)
        if source.hub is not None:
            values |= _server(source.hub, places)
        skills, memory = self.skills(places), memory_root(places)
        owned: tuple[Owned, ...] = (
            OwnedKeys(places.directory / "config.toml", "toml", values, marked=True),
            *profiles,
            section(source, self.name, places.directory / "AGENTS.md", memory),
            *skill_files(source, self.name, skills, warnings),
            *memory_files(source, memory),
        )
        return Desired(self.name, owned, roots=(skills, memory), warnings=tuple(warnings))

    def collect(self, places: Places) -> Collected:
        trees = {"memory": places.directory / "memories", "skills": self.skills(places)}
        if (own := places.directory / "skills") not in trees.values():
            trees["skills-of-codex"] = own
        return Collected(trees, OWN_STATE)


def memory_root(places: Places) -> Path:
    """Return our directory among Codex's memories, none of which is called so."""
    return places.directory / "memories" / "agentos"


def _settings(source: Source, warnings: list[str]) -> dict[KeyPath, Value]:
    fragment = dict(source.fragment)
    for name in ("profile", "profiles"):
        if fragment.pop(name, None) is not None:
            warnings.append(
                f"{name} in config-fragment.toml is left out: profiles are [profiles.NAME] in "
                "agentos.toml"
            )
    return flat(fragment)


def _server(hub: HubEntry, places: Places) -> dict[KeyPath, Value]:
    table: dict[str, Value]
    if hub.over_http:
        table = {"url": hub.url, "bearer_token_env_var": TOKEN}
    else:
        command, arguments, env = bridge(hub, places)
        table = {"command": command, "args": list(arguments)}
        if env:
            table["env"] = dict(env)
    return flat(table, ("mcp_servers", SERVER))
