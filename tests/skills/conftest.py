"""An AgentOS home with skills."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

Write = Callable[..., Path]
TOKENS = {"client": "codex", "skills_dir": "~/.codex/skills", "hub_url": "http://127.0.0.1:3000"}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An AgentOS home without anything."""
    place = tmp_path / "home"
    (place / "clients/shared/skills").mkdir(parents=True)
    return place


@pytest.fixture
def write(home: Path) -> Write:
    """Write a skill, and return its directory."""

    def skill(name: str, head: str = "", body: str = "# Do it\n\nSteps.\n") -> Path:
        place = home / "clients/shared/skills" / name
        place.mkdir()
        head = head or f"name: {name}\ndescription: Says how to do things well, when asked.\n"
        (place / "SKILL.md").write_text(f"---\n{head}---\n\n{body}")
        return place

    return skill
