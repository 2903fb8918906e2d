"""The file tools on a root of the test's own, with each way to resolve paths."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.hub.files.ground import Ground

from agentos.hub.files.beneath import has_openat2
from agentos.hub.files.files import ConfinedFiles


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    """A root, and a secret beside it."""
    return Ground.make(tmp_path)


@pytest.fixture(params=["openat2", "walk"])
def openat2(request: pytest.FixtureRequest) -> bool:
    """Each way to resolve a path."""
    wanted: bool = request.param == "openat2"
    if wanted:
        assert has_openat2(), "Linux 5.6 and later has it"
    return wanted


@pytest.fixture
def files(ground: Ground, openat2: bool) -> Iterator[ConfinedFiles]:
    """The tools, confined to that root."""
    files = ConfinedFiles([ground.root], openat2=openat2)
    yield files
    files.close()
