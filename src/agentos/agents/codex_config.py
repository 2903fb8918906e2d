"""Codex's own configuration in a machine: read, never written."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agentos.agents.machine import AgentMachine
from agentos.agents.profile import Profile
from agentos.errors import ConfigInvalid


@dataclass(frozen=True)
class CodexHome:
    """What Codex will find in its home directory.

    Attributes:
        path: The directory in the machine.
        settings: `config.toml`, over it the profile, over it the caller's own `CODEX_CONFIG`.
        login: `auth.json`, or None if there is none.
        profile: The settings of the profile alone; None if it has no file.
    """

    path: str
    settings: Mapping[str, Any]
    login: Mapping[str, Any] | None = None
    profile: Mapping[str, Any] | None = None

    @property
    def config_file(self) -> str:
        """Where its settings are."""
        return f"{self.path}/config.toml"

    def table(self, *names: str) -> Mapping[str, Any]:
        """Return a table of the settings, empty where there is none."""
        found: Any = self.settings
        for name in names:
            found = found.get(name) if isinstance(found, Mapping) else None
        return found if isinstance(found, Mapping) else {}

    def text(self, name: str) -> str | None:
        """Return a setting that is a text."""
        value = self.settings.get(name)
        return value if isinstance(value, str) and value else None


def codex_home(env: Mapping[str, str]) -> str:
    """Return Codex's home directory in a machine."""
    return env.get("CODEX_HOME") or f"{env['HOME']}/.codex"


def profile_file(name: str) -> str:
    """Return what Codex names the file of a profile, in its home directory."""
    return f"{name}.config.toml"


async def read_home(
    machine: AgentMachine, env: Mapping[str, str], profile: Profile | None = None
) -> CodexHome:
    """Read the configuration and the login that a session with this environment will use.

    Raises:
        ConfigInvalid: A file is not what it should be; the message names file and line.
    """
    path = codex_home(env)
    file = _toml(await _read(machine, f"{path}/config.toml"), f"{path}/config.toml") or {}
    role = None if profile is None else await _profile(machine, path, profile)
    settings = merged(merged(file, role or {}), caller_config(env))
    return CodexHome(path, settings, await _login(machine, f"{path}/auth.json"), role)


def caller_config(env: Mapping[str, str]) -> Mapping[str, Any]:
    """Return the settings that the caller gives for this session, as JSON in `CODEX_CONFIG`.

    Raises:
        ConfigInvalid: It is not a JSON object.
    """
    text = env.get("CODEX_CONFIG")
    return _json_object(text, "the variable CODEX_CONFIG") if text else {}


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Lay settings over others, table by table."""
    result = dict(base)
    for name, value in over.items():
        below = result.get(name)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            value = merged(below, value)
        result[name] = value
    return result


async def _profile(machine: AgentMachine, home: str, profile: Profile) -> Mapping[str, Any] | None:
    path = f"{home}/{profile_file(profile.name)}"
    text = await _read(machine, path) if profile.text is None else profile.text
    return _toml(text, path)


def _toml(text: str | None, path: str) -> Mapping[str, Any] | None:
    try:
        return None if text is None else tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigInvalid(f"{path} in the machine is not valid TOML: {error}") from error


async def _login(machine: AgentMachine, path: str) -> Mapping[str, Any] | None:
    text = await _read(machine, path)
    return None if text is None else _json_object(text, f"{path} in the machine")


async def _read(machine: AgentMachine, path: str) -> str | None:
    try:
        return await machine.read_text(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except UnicodeDecodeError as error:
        raise ConfigInvalid(f"{path} in the machine is not UTF-8: {error}") from error


def _json_object(text: str, what: str) -> Mapping[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise ConfigInvalid(f"{what} is not valid JSON: {error}") from error
    if not isinstance(value, dict):
        raise ConfigInvalid(f"{what} is not a JSON object")
    return value
