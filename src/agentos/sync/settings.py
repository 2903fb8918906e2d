"""What `agentos.toml` says of sync, and of the roles that become profiles.

The whole file is checked in `agentos.settings`, which takes longer than a sync that finds nothing
to do. So these tables are read alone where they are as they should be, and checked with all the
others where not.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal, get_args

from agentos.config import home_dir
from agentos.sync.source import BUILT_IN_PROVIDERS, Profile

HubAccess = Literal["stdio", "http", "none"]
#: The roles that there are without a word in `agentos.toml`.
DEFAULT_PROFILES = (
    Profile("planner", "deepseek/deepseek-v4-flash"),
    Profile("tools", "qwen/qwen3-coder"),
    Profile("agentic", "moonshotai/kimi-k2.5"),
    Profile("cheap", "qwen/qwen3-coder:free"),
)
PROFILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_TEXTS = ("model", "provider", "base_url", "env_key")


@dataclass(frozen=True)
class SyncSettings:
    """The tables `[sync]` and `[profiles]`.

    Attributes:
        clients: Who is deployed to if nobody is named.
        hub: How clients reach the hub: the stdio bridge, HTTP, or not at all.
        directories: Of clients that are elsewhere, as one of Windows seen from its Linux.
        profiles: The roles, in the order of their names in the file; the usual ones first.
        off: The roles that are switched off.
    """

    clients: tuple[str, ...] = ("codex", "claude", "cursor")
    hub: HubAccess = "stdio"
    directories: Mapping[str, str] = field(default_factory=dict)
    profiles: tuple[Profile, ...] = DEFAULT_PROFILES
    off: tuple[Profile, ...] = ()


def load_sync_settings(path: Path | None = None) -> SyncSettings:
    """Read what `agentos.toml` says of sync and profiles.

    Args:
        path: The file; by default that of the AgentOS home. It need not be there.

    Raises:
        ConfigInvalid: It cannot be read; the message names the file, the line and the key.
    """
    path = path or home_dir() / "agentos.toml"
    try:
        said = tomllib.loads(path.read_bytes().decode())
    except FileNotFoundError:
        return SyncSettings()
    except (OSError, ValueError):
        said = None
    if said is not None and is_right(said):
        return settings_of(said)
    from agentos.settings.document import read_document

    return settings_of(read_document(path).values)


def settings_of(said: Mapping[str, Any]) -> SyncSettings:
    """Return what a document says that is known to be right."""
    sync, profiles = said.get("sync", {}), list(_profiles(said.get("profiles", {})))
    return SyncSettings(
        clients=tuple(sync.get("clients", SyncSettings.clients)),
        hub=sync.get("hub", SyncSettings.hub),
        directories=sync.get("directories", {}),
        profiles=tuple(each for each, on in profiles if on),
        off=tuple(each for each, on in profiles if not on),
    )


def is_right(said: Mapping[str, Any]) -> bool:
    """Whether the tables are as they should be; what is wrong with them is found elsewhere."""
    sync, profiles = said.get("sync", {}), said.get("profiles", {})
    return _is_sync(sync) and _is_table_of(dict, profiles) and all(map(_is_role, profiles.items()))


def lacks(name: str, table: Mapping[str, Any]) -> str | None:
    """Return the setting that a role needs and does not say; None if it has all."""
    if "model" not in table and name not in {each.name for each in DEFAULT_PROFILES}:
        return "model"
    provider = table.get("provider", Profile.provider)
    if provider == Profile.provider or provider in BUILT_IN_PROVIDERS:
        return None
    return next((each for each in ("base_url", "env_key") if each not in table), None)


def _profiles(said: Mapping[str, Any]) -> Iterator[tuple[Profile, bool]]:
    usual = {each.name: each for each in DEFAULT_PROFILES}
    for name in (*usual, *(name for name in said if name not in usual)):
        table = dict(said.get(name, {}))
        on = table.pop("enabled", True)
        yield replace(usual.get(name, Profile(name, "")), **table), on


def _is_sync(sync: Any) -> bool:
    return (
        isinstance(sync, dict)
        and sync.keys() <= {each.name for each in fields(SyncSettings)} - {"profiles", "off"}
        and isinstance(clients := sync.get("clients", []), list)
        and all(is_client(each) for each in clients)
        and sync.get("hub", "stdio") in get_args(HubAccess)
        and _is_table_of(str, sync.get("directories", {}))
        and all(is_client(each) for each in sync.get("directories", {}))
    )


def is_client(name: object) -> bool:
    """Whether there is a client of this name."""
    from agentos.sync.clients import CLIENTS

    return name in CLIENTS


def _is_role(item: tuple[str, dict[str, Any]]) -> bool:
    name, table = item
    return (
        PROFILE_NAME.fullmatch(name) is not None
        and table.keys() <= {*_TEXTS, "settings", "enabled"}
        and all(isinstance(table.get(each, "-"), str) and table.get(each, "-") for each in _TEXTS)
        and isinstance(table.get("settings", {}), dict)
        and isinstance(table.get("enabled", True), bool)
        and lacks(name, table) is None
    )


def _is_table_of(kind: type, value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(each, kind) for each in value.values())
