"""Role profiles as Codex reads them: a file each, in older versions tables of its settings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from agentos.sync.clients.keys import flat, merged
from agentos.sync.desired import KeyPath, OwnedKeys, Value
from agentos.sync.formats.toml import render
from agentos.sync.source import BUILT_IN_PROVIDERS, Profile
from agentos.sync.values import dotted, quoted

_TITLES = {"openrouter": "OpenRouter"}


def profile_keys(profile: Profile, directory: Path) -> OwnedKeys:
    """Return the keys of the file that `codex --profile NAME` lays over the settings.

    The file is not ours as a whole: a Codex that was started with it keeps there which projects
    are trusted.
    """
    path = directory / f"{profile.name}.config.toml"
    return OwnedKeys(path, "toml", flat(_whole(profile)), marked=True)


def profile_text(profile: Profile) -> str:
    """Write a profile's file; it names the variable of the key, which is in no file."""
    return "\n".join(_lines(_whole(profile))) + "\n"


def legacy_keys(profiles: Iterable[Profile]) -> dict[KeyPath, Value]:
    """Return the keys of `config.toml` that a Codex without profile files reads."""
    found: dict[KeyPath, Value] = {}
    for profile in profiles:
        found |= flat(_role(profile), ("profiles", profile.name))
        found |= flat(_provider(profile), ("model_providers",))
    return found


def _lines(table: Mapping[str, Any], at: KeyPath = ()) -> Iterator[str]:
    """Write a table as TOML: single values first, then the tables in it."""
    inner = {name: value for name, value in table.items() if isinstance(value, Mapping)}
    for name, value in table.items():
        if name not in inner:
            yield f"{quoted(name)} = {render(value)}"
    for name, value in inner.items():
        path = (*at, name)
        if not value or not all(isinstance(each, Mapping) for each in value.values()):
            yield from ("", f"[{dotted(path)}]")
        yield from _lines(value, path)


def _whole(profile: Profile) -> dict[str, Any]:
    role = _role(profile)
    providers = merged(_provider(profile), role.pop("model_providers", {}))
    return {**role, "model_providers": providers} if providers else role


def _role(profile: Profile) -> dict[str, Any]:
    return {"model": profile.model, "model_provider": profile.provider, **profile.settings}


def _provider(profile: Profile) -> dict[str, Any]:
    """Return the table of the provider under its name; Codex refuses one of a built-in one."""
    if profile.provider in BUILT_IN_PROVIDERS:
        return {}
    table = {
        "name": _TITLES.get(profile.provider, profile.provider),
        "base_url": profile.base_url,
        "env_key": profile.env_key,
        "wire_api": "responses",
    }
    return {profile.provider: table}
