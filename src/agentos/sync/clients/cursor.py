"""Cursor: `~/.cursor`.

Rules of a user are files only in a plugin: Cursor keeps those of its settings to itself, and does
not read `~/.cursor/rules`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from agentos.sync.client import Collected, Places
from agentos.sync.clients.guidance import guidance, memory_files, own_files, skill_files
from agentos.sync.clients.keys import SERVER, TOKEN, bridge, flat
from agentos.sync.clients.paths import directory_in, user_home
from agentos.sync.desired import Desired, KeyPath, Owned, OwnedFile, OwnedKeys, Value
from agentos.sync.source import HubEntry, Source

_MANIFEST = {
    "name": "agentos",
    "displayName": "AgentOS",
    "version": "1.0.0",
    "description": "Rules and memories from the AgentOS home.",
}


class Cursor:
    """`mcp.json`, skills, and a plugin with the rules and memories."""

    name = "cursor"
    program: str | None = None

    def places(self, env: Mapping[str, str]) -> Places:
        return Places(user_home(env), directory_in(env, "CURSOR_CONFIG_DIR", ".cursor"))

    def probe(self, program: Path) -> str | None:
        return None

    def skills(self, places: Places) -> Path:
        return places.directory / "skills"

    def desired(self, source: Source, places: Places) -> Desired:
        plugin, skills = plugin_root(places), self.skills(places)
        servers = _server(source.hub, places) if source.hub is not None else {}
        warnings: list[str] = []
        owned: tuple[Owned, ...] = (
            OwnedKeys(places.directory / "mcp.json", "json", servers),
            *_plugin(source, plugin),
            *skill_files(source, self.name, skills, warnings),
        )
        return Desired(self.name, owned, roots=(plugin, skills), warnings=tuple(warnings))

    def collect(self, places: Places) -> Collected:
        return Collected(
            {
                "memory": plugin_root(places) / "memory",
                "skills": self.skills(places),
                "rules-of-cursor": places.directory / "rules",
            },
            frozenset({".git"}),
        )


def plugin_root(places: Places) -> Path:
    """Return the directory of our plugin."""
    return places.directory / "plugins" / "local" / "agentos"


def rule(description: str, text: str) -> bytes:
    """Write a rule that holds in every conversation."""
    head = f"---\ndescription: {json.dumps(description, ensure_ascii=False)}\nglobs:\n"
    return f"{head}alwaysApply: true\n---\n\n{text}".encode()


def _plugin(source: Source, root: Path) -> Iterator[OwnedFile]:
    files = [
        *own_files(source, Cursor.name, "rules", root / "rules"),
        *memory_files(source, root / "memory"),
    ]
    if text := guidance(source, Cursor.name, root / "memory"):
        content = rule("How to act, and what to remember", text)
        files.append(OwnedFile(root / "rules" / "agentos.mdc", content, kind="rule"))
    if files:
        manifest = (json.dumps(_MANIFEST, indent=2) + "\n").encode()
        yield OwnedFile(root / ".cursor-plugin" / "plugin.json", manifest, kind="plugin")
    yield from files


def _server(hub: HubEntry, places: Places) -> dict[KeyPath, Value]:
    table: dict[str, Value]
    if hub.over_http:
        headers: dict[str, Value] = {"Authorization": f"Bearer ${{env:{TOKEN}}}"}
        table = {"url": hub.url, "headers": headers}
    else:
        command, arguments, env = bridge(hub, places)
        table = {"command": command, "args": list(arguments)}
        if env:
            table["env"] = dict(env)
    return flat(table, ("mcpServers", SERVER))
