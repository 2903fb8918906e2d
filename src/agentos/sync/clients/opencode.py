"""OpenCode: `~/.config/opencode`, on every platform."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from agentos.sync.client import Collected, Places
from agentos.sync.clients.guidance import (
    memory_files,
    memory_place,
    own_files,
    section,
    skill_files,
)
from agentos.sync.clients.keys import SERVER, TOKEN, bridge, flat
from agentos.sync.clients.paths import directory_in, user_home
from agentos.sync.clients.versions import ask_version
from agentos.sync.desired import Desired, KeyPath, Owned, OwnedKeys, Value
from agentos.sync.source import HubEntry, Source


class OpenCode:
    """`opencode.json`, over which it lays an `opencode.jsonc`, AGENTS.md, skills and commands."""

    name = "opencode"
    program: str | None = "opencode"

    def places(self, env: Mapping[str, str]) -> Places:
        config = directory_in(env, "XDG_CONFIG_HOME", ".config")
        return Places(user_home(env), config / "opencode")

    def probe(self, program: Path) -> str | None:
        return ask_version(program)

    def skills(self, places: Places) -> Path:
        return places.directory / "skills"

    def desired(self, source: Source, places: Places) -> Desired:
        directory, memory = places.directory, memory_place(places)
        skills, commands = self.skills(places), directory / "commands"
        values = flat(source.settings.get(self.name, {}))
        if source.hub is not None:
            values |= _server(source.hub, places)
        warnings: list[str] = []
        owned: tuple[Owned, ...] = (
            OwnedKeys(directory / "opencode.json", "jsonc", values),
            section(source, self.name, directory / "AGENTS.md", memory),
            *skill_files(source, self.name, skills, warnings),
            *own_files(source, self.name, "commands", commands),
            *memory_files(source, memory),
        )
        roots = (skills, commands, memory)
        return Desired(self.name, owned, roots=roots, warnings=tuple(warnings))

    def collect(self, places: Places) -> Collected:
        trees = {"memory": memory_place(places), "skills": self.skills(places)}
        return Collected(trees, frozenset({".git"}))


def _server(hub: HubEntry, places: Places) -> dict[KeyPath, Value]:
    table: dict[str, Value]
    if hub.over_http:
        headers: dict[str, Value] = {"Authorization": f"Bearer {{env:{TOKEN}}}"}
        table = {"type": "remote", "url": hub.url, "headers": headers, "oauth": False}
    else:
        command, arguments, env = bridge(hub, places)
        table = {"type": "local", "command": [command, *arguments], "enabled": True}
        if env:
            table["environment"] = dict(env)
    return flat(table, ("mcp", SERVER))
