"""A tree of npm packages: the project that npm installs it from, and its last touch."""

from __future__ import annotations

import json
import os
import stat
from importlib import resources
from pathlib import Path
from threading import Event

from agentos.software.archive import Stopped
from agentos.software.catalog import NpmTree, Package


def write_project(package: Package, tree: NpmTree, layer: Path) -> None:
    """Write the `package.json` and the lock that npm installs a tree from."""
    project = {
        "name": package.name,
        "version": package.version,
        "private": True,
        "dependencies": {tree.name: tree.requirement.rpartition("@")[2]},
    }
    if tree.lock:
        lock = resources.files("agentos.software").joinpath("locks", tree.lock).read_text()
        (layer / "package-lock.json").write_text(lock)
        project = {"private": True, **json.loads(lock)["packages"][""]}
    (layer / "package.json").write_text(json.dumps(project))


def seal(layer: Path, stop: Event) -> int:
    """Make a tree readable by every user and writable by none; return its bytes.

    Raises:
        Stopped: `stop` was set.
    """
    size = 0
    for folder, _, names in os.walk(layer):
        os.chmod(folder, 0o755)
        if stop.is_set():
            raise Stopped
        for name in names:
            path = os.path.join(folder, name)
            found = os.lstat(path)
            if stat.S_ISREG(found.st_mode):
                size += found.st_size
                os.chmod(path, 0o555 if found.st_mode & 0o111 else 0o444)
    return size
