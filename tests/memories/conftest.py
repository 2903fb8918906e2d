"""An AgentOS home with memories, and what clients wrote."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

Write = Callable[..., Path]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An AgentOS home without anything."""
    place = tmp_path / "home"
    (place / "clients/shared/memory").mkdir(parents=True)
    return place


@pytest.fixture
def write(home: Path) -> Write:
    """Write a memory of the home, and return its file."""

    def memory(
        name: str,
        text: str = "Short lines.",
        *,
        type: str = "user",
        project: str | None = None,
        more: str = "",
    ) -> Path:
        place = home / "clients/shared/memory"
        place = place / "projects" / project if project else place
        place.mkdir(parents=True, exist_ok=True)
        path = place / f"{name}.md"
        path.write_text(f"---\ntype: {type}\ndescription: About {name}\n{more}---\n\n{text}\n")
        return path

    return memory
