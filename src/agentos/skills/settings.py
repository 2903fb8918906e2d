"""What `agentos.toml` says of skills.

The whole file is checked in `agentos.settings`, which takes longer than a sync that finds nothing
to do. So its table is read alone where it is as it should be, and checked as a whole where not.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agentos.settings.file import read_text, settings_file

TABLE = "skills"
GROUP = "group:"
#: In a token with several values, the client that stands for all others.
OTHERS = "default"
#: The tokens that every skill can say; the rest are the user's own.
BUILT_IN = ("client", "skills_dir", "hub_url")
_TOKEN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class SkillSettings:
    """The table `[skills]`.

    Attributes:
        command_log: Whether skills ask agents to report that they use them.
        tokens: The user's own, by name: what each is for a client, or for `default`.
        enabled: Which skills, and groups as `group:NAME`, are on or off.
        clients: The same for single clients, which goes first.
    """

    command_log: bool = True
    tokens: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    enabled: Mapping[str, bool] = field(default_factory=dict)
    clients: Mapping[str, Mapping[str, bool]] = field(default_factory=dict)


def load_skill_settings(path: Path | None = None) -> SkillSettings:
    """Read what `agentos.toml` says of skills.

    Args:
        path: The file; by default that of the AgentOS home. It need not be there.

    Raises:
        ConfigInvalid: It cannot be read; the message names the file, the line and the key.
    """
    path = path or settings_file()
    text = read_text(path)
    try:
        said = tomllib.loads(text).get(TABLE, {})
    except tomllib.TOMLDecodeError:
        said = None
    if _is_right(said):
        return settings_of(said)
    from agentos.settings.document import read_document
    from agentos.settings.skill_tables import skill_settings

    return skill_settings(read_document(path))


def settings_of(said: Mapping[str, Any]) -> SkillSettings:
    """Return what a table says that is known to be right."""
    tokens = {
        name: {OTHERS: value} if isinstance(value, str) else value
        for name, value in said.get("tokens", {}).items()
    }
    return SkillSettings(**{**said, "tokens": tokens})


def is_token_name(name: str) -> bool:
    """Whether a user's token may have this name: it is one, and not one of AgentOS's own."""
    return _TOKEN_NAME.fullmatch(name) is not None and name not in BUILT_IN


def _is_right(said: Any) -> bool:
    known = {"command_log", "tokens", "enabled", "clients"}
    if not isinstance(said, dict) or not said.keys() <= known:
        return False
    tokens, clients = said.get("tokens", {}), said.get("clients", {})
    return (
        isinstance(said.get("command_log", True), bool)
        and isinstance(tokens, dict)
        and all(is_token_name(name) and _is_value(value) for name, value in tokens.items())
        and _maps_to(bool, said.get("enabled", {}))
        and isinstance(clients, dict)
        and all(_maps_to(bool, switches) for switches in clients.values())
    )


def _is_value(value: object) -> bool:
    return isinstance(value, str) or _maps_to(str, value)


def _maps_to(kind: type, value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(each, kind) for each in value.values())
