"""A client gets the memories of its active project, and of no other."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.memories.conftest import Write

from agentos.errors import ConfigInvalid
from agentos.home.projects import ActiveProjects, Project
from agentos.memories.current import current_memories
from agentos.memories.reading import full_name

SITE, SHOP = Project("site", Path("/site")), Project("shop", Path("/shop"))


@pytest.fixture
def state(tmp_path: Path, write: Write) -> Path:
    """A state directory, beside memories of everywhere and of two projects."""
    write("tone")
    write("deploy", project="site")
    write("prices", project="shop")
    return tmp_path / "state"


def _names(home: Path, state: Path, client: str = "") -> list[str]:
    memories = current_memories(home, (SITE, SHOP), client, state=state)
    return [full_name(each) for each in memories]


def test_the_active_project_decides(home: Path, state: Path) -> None:
    projects = ActiveProjects((SITE, SHOP), state)
    assert _names(home, state, "codex") == ["tone"]
    projects.use("site")
    assert _names(home, state, "codex") == ["tone", "site/deploy"]
    projects.use("shop", client="codex")
    assert _names(home, state, "codex") == ["tone", "shop/prices"]
    assert _names(home, state, "claude") == ["tone", "site/deploy"]
    projects.use(None, client="codex")
    assert _names(home, state, "codex") == ["tone"]


def test_a_project_that_is_no_more_is_an_error(home: Path, state: Path) -> None:
    ActiveProjects((SITE, SHOP), state).use("site")
    with pytest.raises(ConfigInvalid, match="site"):
        current_memories(home, (SHOP,), "codex", state=state)
