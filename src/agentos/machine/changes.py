"""What a machine changed of the image that it was made of."""

from __future__ import annotations

import contextlib
import json
import os
import stat
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from agentos.machine.blocking_io import in_thread
from agentos.machine.isolation.id_map import IdMap
from agentos.machine.layers.changes import read_changes
from agentos.machine.patch import Change, Entry, quoted

if TYPE_CHECKING:
    from agentos.machine.machine import AgentOs

#: What a machine has from its start, beside the places of its mounts.
_PLACES = ("dev", "home/agentos", "proc", "run", "tmp", "var/tmp", "opt/agentos")
_KINDS = {stat.S_IFREG: "file", stat.S_IFLNK: "link", stat.S_IFDIR: "directory"}


@dataclass(frozen=True, slots=True)
class Diff:
    """The changes between two states of a file tree, by path.

    `str(diff)` is one line a path, such as `M etc/hosts`.

    Attributes:
        changes: The paths that differ, without a leading slash.
    """

    changes: tuple[Change, ...]

    def __str__(self) -> str:
        return self.text()

    def text(self) -> str:
        """Return one line a path: A, M or D and the path; that of a directory ends in `/`."""
        return "".join(f"{change.kind[0].upper()} {_shown(change)}\n" for change in self.changes)

    def to_json(self) -> str:
        """Return the changes as JSON: paths, and what each was and is, without contents.

        Example:
            ```json
            {"changes": [{"path": "etc/hosts", "kind": "modified",
                          "old": {"type": "file", "mode": "0644"},
                          "new": {"type": "file", "mode": "0644"}}]}
            ```
        """
        changes = [
            {
                "path": change.path,
                "kind": change.kind,
                "old": _described(change.old),
                "new": _described(change.new),
            }
            for change in self.changes
        ]
        return json.dumps({"changes": changes})

    def patch(self) -> str:
        """Return a patch of files and links for `git apply`.

        What was too large to keep or could not be read stands in it as "Binary files differ",
        which `git apply` refuses unless told to `--exclude` that path.
        """
        return "".join(change.diff(binary=True) for change in self.changes)


async def diff(vm: AgentOs) -> Diff:
    """Compare a machine with its image."""
    machine = vm.running
    with contextlib.ExitStack() as held:
        image = vm.image.copy()  # it stays, even if the machine is closed meanwhile
        held.callback(image.close)
        branch = await machine.branch()
        held.callback(branch.close)
        places = [*_PLACES, *(target for _, target in image.binds)]
        places += [mount.target for mount in vm.mounts]
        seen = _with_parents(places)
        return await in_thread(_read, branch.ids, branch.layers, image.lowers, seen)


def _read(ids: IdMap, stages: Sequence[int], lowers: Sequence[Path], places: set[str]) -> Diff:
    with contextlib.ExitStack() as held:
        uppers = [_opened(held, "upper", stage) for stage in stages]
        base = [_opened(held, lower) for lower in lowers]
        return _compared(ids, uppers, base, places)


def _opened(held: contextlib.ExitStack, path: str | Path, below: int | None = None) -> int:
    fd = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=below)
    held.callback(os.close, fd)
    return fd


def _compared(
    ids: IdMap, uppers: Sequence[int], base: Sequence[int], places: Collection[str]
) -> Diff:
    if not ids.is_lent or os.geteuid() == 0:
        return Diff(tuple(read_changes(uppers, base, places)))
    from agentos.machine.layers.changes_as_owner import read_changes_as_owner

    return Diff(tuple(read_changes_as_owner(ids, uppers, base, places)))


def _with_parents(paths: Sequence[str]) -> set[str]:
    """The paths, and the directories on the way to them."""
    split = [path.strip("/").split("/") for path in paths]
    return {"/".join(names[:count]) for names in split for count in range(1, len(names) + 1)}


def _shown(change: Change) -> str:
    entry = change.new or change.old
    return quoted(f"{change.path}/" if entry and entry.is_directory else change.path)


def _described(entry: Entry | None) -> dict[str, str] | None:
    if entry is None:
        return None
    described = {
        "type": _KINDS.get(stat.S_IFMT(entry.mode), "special"),
        "mode": f"{stat.S_IMODE(entry.mode):04o}",
    }
    return {**described, "unread": entry.unread} if entry.unread else described


def diff_of_snapshot(name: str) -> Diff:
    """Return what a snapshot holds above the image that it stands on.

    Args:
        name: The snapshot.

    Raises:
        MachineError: There is none of that name, or a layer of it is gone.
    """
    from agentos.machine.layers.store import LayerStore
    from agentos.machine.snapshots import image_of

    snapshot = LayerStore().get(name)
    image = image_of(snapshot)
    with contextlib.ExitStack() as held:
        held.callback(image.close)
        trees = [_opened(held, lower) for lower in image.lowers]
        count = len(snapshot.layers)
        return _compared(snapshot.ids, trees[:count], trees[count:], _PLACES)
