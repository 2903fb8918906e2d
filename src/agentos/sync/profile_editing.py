"""Change a profile in `agentos.toml`, or add one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from agentos.errors import ConfigInvalid


def set_profile(
    file: Path,
    name: str,
    *,
    model: str | None = None,
    provider: str | None = None,
    base_url: str | None = None,
    env_key: str | None = None,
    enabled: bool | None = None,
    settings: Mapping[str, str] | None = None,
) -> None:
    """Set what is said of a profile; None leaves it as it is. Comments of the file stay.

    Args:
        file: `agentos.toml`.
        name: The profile.
        model, provider, base_url, env_key: As of `Profile`.
        enabled: Whether there is to be such a profile.
        settings: Further settings of Codex: dotted keys, and values of TOML or plain texts.

    Raises:
        ConfigInvalid: Nothing is said, there is no home, or the file would not be valid.
        SyncConflict: Somebody else changed the file at the same time; nothing was changed.
    """
    from agentos.settings.editing import parse_key, parse_value, set_values

    at = ("profiles", name)
    said = {
        "model": model,
        "provider": provider,
        "base_url": base_url,
        "env_key": env_key,
        "enabled": enabled,
    }
    changes: dict[tuple[str | int, ...], object] = {
        (*at, key): value for key, value in said.items() if value is not None
    }
    for key, value in (settings or {}).items():
        changes[(*at, "settings", *parse_key(key))] = parse_value(value)
    if not changes:
        raise ConfigInvalid("nothing is said of the profile", hint="name a model, or an option")
    if not file.parent.is_dir():
        raise ConfigInvalid(f"there is no AgentOS home at {file.parent}", hint="run agentos init")
    set_values(file, changes)
