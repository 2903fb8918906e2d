"""Where this host has its control groups, and where in them this process is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """One mounted tree of control groups.

    Attributes:
        version: 1 or 2.
        controllers: What a tree of version 1 controls.
        own: The directory of the group that this process is in.
        top: The tree's own directory.
    """

    version: int
    controllers: frozenset[str]
    own: Path
    top: Path


def hierarchies(proc: Path = Path("/proc/self")) -> list[Hierarchy]:
    """List the trees that are mounted here and that this process is in."""
    memberships = list(_memberships((proc / "cgroup").read_text()))
    return [
        Hierarchy(version, controllers, _below(mount, root, path), mount)
        for version, mount, root, options in _mounts((proc / "mountinfo").read_text())
        for controllers, path in memberships
        if (version == 1) == bool(controllers) and controllers <= options
    ]


def _memberships(text: str) -> Iterator[tuple[frozenset[str], str]]:
    """Lines such as `4:memory:/some/group`; the second version's has no controllers."""
    for line in text.splitlines():
        _, controllers, path = line.split(":", 2)
        yield frozenset(controllers.split(",") if controllers else ()), path


def _mounts(text: str) -> Iterator[tuple[int, Path, str, frozenset[str]]]:
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = after.split(" ", 2)
        if kind in ("cgroup", "cgroup2"):
            root, mount = (_unescaped(word) for word in before.split(" ")[3:5])
            version = 1 if kind == "cgroup" else 2
            yield version, Path(mount), root, frozenset(options.split(","))


def _unescaped(word: str) -> str:
    """Undo `\\040` for a space, as mountinfo writes it."""
    return word.encode("latin-1", "surrogateescape").decode("unicode_escape")


def _below(mount: Path, root: str, path: str) -> Path:
    """Where a group is when only the part of the tree below `root` is mounted."""
    top = root.rstrip("/")
    return mount / path[len(top) :].lstrip("/") if f"{path}/".startswith(f"{top}/") else mount
