"""Gemini CLI: `~/.gemini`; `GEMINI_CLI_HOME` names what stands for the home there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from agentos.sync.client import Collected, Places
from agentos.sync.clients.guidance import memory_files, memory_place, section, skill_files
from agentos.sync.clients.keys import SERVER, TOKEN, bridge, flat
from agentos.sync.clients.paths import directory_in, user_home
from agentos.sync.clients.versions import ask_version
from agentos.sync.desired import Desired, KeyPath, Owned, OwnedKeys, Value
from agentos.sync.source import HubEntry, Source


class Gemini:
    """`settings.json`, GEMINI.md, skills and memories."""

    name = "gemini"
    program: str | None = "gemini"

    def places(self, env: Mapping[str, str]) -> Places:
        return Places(user_home(env), directory_in(env, "GEMINI_CLI_HOME", "") / ".gemini")

    def probe(self, program: Path) -> str | None:
        return ask_version(program)

    def skills(self, places: Places) -> Path:
        return places.directory / "skills"

    def desired(self, source: Source, places: Places) -> Desired:
        directory, memory = places.directory, memory_place(places)
        skills = self.skills(places)
        values = flat(source.settings.get(self.name, {}))
        if source.hub is not None:
            values |= _server(source.hub, places)
        warnings: list[str] = []
        owned: tuple[Owned, ...] = (
            OwnedKeys(directory / "settings.json", "jsonc", values),
            section(source, self.name, directory / "GEMINI.md", memory),
            *skill_files(source, self.name, skills, warnings),
            *memory_files(source, memory),
        )
        return Desired(self.name, owned, roots=(skills, memory), warnings=tuple(warnings))

    def collect(self, places: Places) -> Collected:
        trees = {"memory": memory_place(places), "skills": self.skills(places)}
        return Collected(trees, frozenset({".git"}))


def _server(hub: HubEntry, places: Places) -> dict[KeyPath, Value]:
    table: dict[str, Value]
    if hub.over_http:
        headers: dict[str, Value] = {"Authorization": f"Bearer ${TOKEN}"}
        table = {"httpUrl": hub.url, "headers": headers}
    else:
        command, arguments, env = bridge(hub, places)
        table = {"command": command, "args": list(arguments)}
        if env:
            table["env"] = dict(env)
    return flat(table, ("mcpServers", SERVER))
