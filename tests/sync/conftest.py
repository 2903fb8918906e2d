"""A directory of clients' files, and the sync of it."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from agentos.sync.desired import Desired, Owned
from agentos.sync.plan import Choices, Plan
from agentos.sync.run import Sync
from agentos.sync.store import Store

#: What is in a directory, links as they are: content or target, and permission bits.
Tree = dict[str, tuple[bytes, int]]


def tree(top: Path) -> Tree:
    found: Tree = {}
    for path in sorted(top.rglob("*")):
        mode = stat.S_IMODE(path.lstat().st_mode)
        name = str(path.relative_to(top))
        if path.is_symlink():
            found[name] = (os.readlink(path).encode(), -1)
        elif path.is_dir():
            found[name] = (b"", mode)
        elif path.is_file():
            found[name] = (path.read_bytes(), mode)
    return found


@dataclass
class Place:
    """Files of clients in `home`, and sync's own in `state`."""

    home: Path
    sync: Sync

    def plan(self, *owned: Owned, client: str = "codex", roots: Sequence[Path] = ()) -> Plan:
        return self.sync.plan([Desired(client, owned, roots=tuple(roots))])

    def push(
        self,
        *owned: Owned,
        client: str = "codex",
        choices: Choices | None = None,
        roots: Sequence[Path] = (),
    ) -> int | None:
        with self.sync.alone("push"):
            plan = self.sync.plan([Desired(client, owned, roots=tuple(roots))], choices)
            return self.sync.apply(plan)

    def undo(self) -> list[Path]:
        with self.sync.alone("undo"):
            return self.sync.undo()

    def write(self, name: str, content: str | bytes, mode: int = 0o644) -> Path:
        path = self.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        path.chmod(mode)
        return path


@pytest.fixture
def place(tmp_path: Path) -> Place:
    (tmp_path / "home").mkdir()
    return Place(tmp_path / "home", Sync(Store(tmp_path / "state")))


Look = Callable[[], Tree]


@pytest.fixture
def look(place: Place) -> Look:
    """What is in the home now."""
    return lambda: tree(place.home)
