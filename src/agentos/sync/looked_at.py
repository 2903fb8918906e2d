"""Which files a check looks at: if none of them changes, it finds the same again."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from agentos.home import projects
from agentos.hub.lifecycle.running import state_file
from agentos.sync.host_files import HostFiles
from agentos.sync.source import PULLED
from agentos.sync.store import Store
from agentos.sync.target import FileState


class NotedFiles(HostFiles):
    """Files of this computer, with a note of those that were looked at.

    Attributes:
        paths: Which they are.
    """

    def __init__(self) -> None:
        self.paths: list[str] = []

    def look(self, path: Path) -> FileState | None:
        self.paths.append(str(path))
        return super().look(path)


def sources(home: Path, state: Path, store: Store) -> Iterator[str]:
    """Yield what says what is to be deployed, and what was.

    Args:
        home: The AgentOS home.
        state: The directory with the hub's own files.
        store: What sync remembers.
    """
    for path in (home / "agentos.toml", state / projects.FILE, state_file(state), *store.files):
        yield str(path)
    yield from _tree(home / "clients")


def programs(names: Iterable[str], path: str) -> Iterator[str]:
    """Yield where programs are, and every place where they would be found before.

    Args:
        names: The programs.
        path: Where they are searched for, as `PATH` says it.
    """
    for name in (*names, "agentos"):
        yield from (os.path.join(each, name) for each in path.split(os.pathsep))
    yield os.path.join(os.path.dirname(sys.executable), "agentos")


def code() -> Iterator[str]:
    """Yield the modules that do the check."""
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file and name.partition(".")[0] == "agentos":
            yield file


def _tree(top: Path) -> Iterator[str]:
    """Yield a directory, and all that is in it, through links too; a pull's folders are not."""
    yield str(top)
    seen = set()
    for folder, names, leaves in os.walk(top, followlinks=True):
        place = _place(folder)
        if place in seen:  # a link has led back
            names.clear()
            continue
        seen.add(place)
        if os.path.dirname(folder) == str(top):  # of a client
            names[:] = [name for name in names if name != PULLED]
        yield from (os.path.join(folder, name) for name in (*names, *leaves))


def _place(folder: str) -> tuple[int, int] | None:
    try:
        found = os.stat(folder)
    except OSError:  # it has just gone
        return None
    return found.st_dev, found.st_ino
