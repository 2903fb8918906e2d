"""What the tests of limits share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from agentos.machine.limits.hierarchies import hierarchies


def _groups_of(pid: int) -> set[Path]:
    bases = {place for tree in hierarchies() for place in (tree.own, tree.top)}
    return {path for base in bases for path in base.glob(f"agentos-*-{pid}-*")}


@pytest.fixture
def groups_of() -> Callable[[int], set[Path]]:
    """Control groups that a process has made and that are there."""
    return _groups_of
