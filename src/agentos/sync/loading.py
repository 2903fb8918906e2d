"""Load the source: what the user's AgentOS home has for the clients."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from agentos.config import home_dir, state_dir, user_home
from agentos.errors import ConfigInvalid
from agentos.home.reading import read_bytes, read_text
from agentos.sync.settings import SyncSettings, load_sync_settings
from agentos.sync.source import HubEntry, Source

#: What each client calls its instructions, in `clients/NAME/` as in its own directory.
INSTRUCTIONS = {
    "codex": "AGENTS.md",
    "claude": "CLAUDE.md",
    "cursor": "AGENTS.md",
    "gemini": "GEMINI.md",
    "opencode": "AGENTS.md",
}
#: Where clients have files that only they get.
FOLDERS = {
    "claude": ("commands", ".md"),
    "cursor": ("rules", ".mdc"),
    "opencode": ("commands", ".md"),
}
#: Clients whose settings are JSON, and can be given some.
WITH_SETTINGS = ("claude", "gemini", "opencode")
_MOST = 1_000_000


def load_source(home: Path | None = None, *, env: Mapping[str, str] = os.environ) -> Source:
    """Read all that there is to deploy.

    Args:
        home: The AgentOS home; by default the user's.
        env: Names the places that are not the usual ones.

    Raises:
        ConfigInvalid: There is no home, or a file of it is wrong; the message names the file and
            the line.
    """
    from agentos.home.projects import ActiveProjects
    from agentos.memories.reading import load_memories
    from agentos.skills.reading import load_skills
    from agentos.skills.settings import load_skill_settings

    home = home or home_dir()
    if not home.is_dir():
        raise ConfigInvalid(f"there is no AgentOS home at {home}", hint="run agentos init")
    chosen = ActiveProjects(()).choice()
    clients, settings = home / "clients", load_sync_settings(home / "agentos.toml")
    return Source(
        home,
        fragment=_toml(clients / "codex" / "config-fragment.toml"),
        settings={name: _json(clients / name / "settings.json") for name in WITH_SETTINGS},
        instructions={name: _instructions(clients, name) for name in INSTRUCTIONS},
        files={name: dict(_files(clients / name, *where)) for name, where in FOLDERS.items()},
        profiles=settings.profiles,
        skills=load_skills(home),
        memories=load_memories(home),
        projects={name: chosen.of(name) for name in INSTRUCTIONS},
        skill_settings=load_skill_settings(home / "agentos.toml"),
        hub=hub_entry(home, settings, env),
    )


def hub_entry(home: Path, settings: SyncSettings, env: Mapping[str, str]) -> HubEntry | None:
    """Return how clients reach the hub; None if they are not to."""
    if settings.hub == "none":
        return None
    told = {name: env[name] for name in ("AGENTOS_DATA_DIR", "AGENTOS_STATE_DIR") if env.get(name)}
    if home != user_home() / "AgentOS":
        told["AGENTOS_HOME"] = str(home)
    return HubEntry(
        command=bridge_command(),
        url=f"{hub_url(home)}/mcp",
        over_http=settings.hub == "http",
        env=told,
        distribution=env.get("WSL_DISTRO_NAME") or None,
    )


def bridge_command() -> tuple[str, ...]:
    """Return how the bridge is started by programs that have another PATH, or none."""
    beside = Path(sys.executable).with_name("agentos")
    installed = str(beside) if beside.is_file() else shutil.which("agentos")
    if installed:
        return (installed, "mcp")
    return (sys.executable, "-m", "agentos", "mcp")


def hub_url(home: Path) -> str:
    """Where the hub listens, or did at last; if it never ran, where it would."""
    from agentos.hub.lifecycle.running import read_running

    running = read_running(state_dir())
    if running is not None:
        return running.url
    hub = tomllib.loads(_text(home / "agentos.toml")).get("hub", {})
    scheme = "https" if "tls" in hub else "http"
    return f"{scheme}://{hub.get('host', '127.0.0.1')}:{hub.get('port') or 3000}"


def _text(path: Path) -> str:
    try:
        return read_text(path, _MOST)
    except FileNotFoundError:
        return ""


def _toml(path: Path) -> dict[str, Any]:
    text = _text(path)
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        from agentos.settings.document import parse

        return parse(path, text)  # which says where
    for keys, value in _leaves(table):
        if not isinstance(value, str | int | float | bool | list):
            raise ConfigInvalid(
                f"{path}: {'.'.join(keys)}: a {type(value).__name__} cannot be kept in step",
                hint="write it as a text",
            )
    return table


def _leaves(table: Mapping[str, Any], at: tuple[str, ...] = ()) -> Iterator[tuple[Any, Any]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _leaves(value, (*at, name))
        else:
            yield (*at, name), value


def _json(path: Path) -> dict[str, Any]:
    text = _text(path)
    if not text.strip():
        return {}
    try:
        table = json.loads(text)
    except ValueError as error:
        line = getattr(error, "lineno", 1)
        raise ConfigInvalid(f"{path}:{line}: not valid JSON: {error}") from error
    if not isinstance(table, dict):
        raise ConfigInvalid(f"{path}:1: this is no JSON object", hint='write { "key": value }')
    return table


def _instructions(clients: Path, name: str) -> str:
    shared, own = clients / "shared" / "AGENTS.md", clients / name / INSTRUCTIONS[name]
    return "\n\n".join(text for path in (shared, own) if (text := _text(path).strip("\n")))


def _files(client: Path, folder: str, suffix: str) -> Iterator[tuple[str, bytes]]:
    for path in sorted((client / folder).rglob(f"*{suffix}")):
        if path.is_file():
            yield path.relative_to(client).as_posix(), read_bytes(path, _MOST)[0]
