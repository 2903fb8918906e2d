"""What in Codex's own files keeps it from what was deployed, or costs money unseen."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentos.sync.client import Places


@dataclass(frozen=True)
class Hindrance:
    """Something to know about.

    Attributes:
        detail: What it is.
        remedy: What to do.
    """

    detail: str
    remedy: str


def hindrances(places: Places) -> Iterator[Hindrance]:
    """Look at Codex's files for what does not agree with sync; nothing is changed."""
    config = places.directory / "config.toml"
    settings = _settings(config)
    if settings is None:
        yield Hindrance(f"{config} cannot be read, so Codex does not start", "repair the file")
    elif _table(settings, "features").get("memories") is True:
        yield Hindrance(
            "its own memories are on: at its start Codex calls a model on its own account, which "
            "you pay for and no session shows",
            "codex features disable memories; what you deploy counts through AGENTS.md",
        )
    override = places.directory / "AGENTS.override.md"
    if override.is_file() and override.read_bytes().strip():
        yield Hindrance(
            f"{override} hides AGENTS.md, and so your instructions and memories",
            "move what it says into AGENTS.md",
        )


def _settings(path: Path) -> dict[str, Any] | None:
    try:
        return tomllib.loads(path.read_bytes().decode())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError):
        return None


def _table(settings: dict[str, Any], name: str) -> dict[str, Any]:
    found = settings.get(name)
    return found if isinstance(found, dict) else {}
