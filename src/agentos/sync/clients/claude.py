"""Claude Code: `~/.claude`, or `CLAUDE_CONFIG_DIR`."""

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


class ClaudeCode:
    """CLAUDE.md, `settings.json`, the user's MCP servers, skills, commands and memories."""

    name = "claude"
    program: str | None = "claude"

    def places(self, env: Mapping[str, str]) -> Places:
        return Places(user_home(env), directory_in(env, "CLAUDE_CONFIG_DIR", ".claude"))

    def probe(self, program: Path) -> str | None:
        return ask_version(program)

    def skills(self, places: Places) -> Path:
        return places.directory / "skills"

    def desired(self, source: Source, places: Places) -> Desired:
        directory, memory = places.directory, memory_place(places)
        skills, commands = self.skills(places), directory / "commands"
        settings = flat(source.settings.get(self.name, {}))
        servers = _server(source.hub, places) if source.hub is not None else {}
        warnings: list[str] = []
        owned: tuple[Owned, ...] = (
            OwnedKeys(directory / "settings.json", "json", settings),
            OwnedKeys(servers_file(places), "json", servers, mode=0o600),  # the account is there
            section(source, self.name, directory / "CLAUDE.md", memory),
            *skill_files(source, self.name, skills, warnings),
            *own_files(source, self.name, "commands", commands),
            *memory_files(source, memory),
        )
        roots = (skills, commands, memory)
        return Desired(self.name, owned, roots=roots, warnings=tuple(warnings))

    def collect(self, places: Places) -> Collected:
        return Collected(
            {
                "memory": memory_place(places),
                "memory-of-projects": places.directory / "projects",
                "skills": self.skills(places),
                "commands-of-claude": places.directory / "commands",
            },
            frozenset({".git"}),
        )


def servers_file(places: Places) -> Path:
    """Return where Claude Code keeps the user's MCP servers: beside its directory, or in it."""
    usual = places.directory == places.user_home / ".claude"
    return (places.user_home if usual else places.directory) / ".claude.json"


def _server(hub: HubEntry, places: Places) -> dict[KeyPath, Value]:
    table: dict[str, Value]
    if hub.over_http:
        headers: dict[str, Value] = {"Authorization": f"Bearer ${{{TOKEN}}}"}
        table = {"type": "http", "url": hub.url, "headers": headers}
    else:
        command, arguments, env = bridge(hub, places)
        table = {"type": "stdio", "command": command, "args": list(arguments)}
        if env:
            table["env"] = dict(env)
    return flat(table, ("mcpServers", SERVER))
