"""What machines left behind, and contents that nobody has used for long."""

from __future__ import annotations

import fcntl
import os
import time
from dataclasses import dataclass
from pathlib import Path

from agentos.machine.layers.removal import remove_tree
from agentos.machine.mounts.objects.cache import ObjectCache, cache_root
from agentos.machine.mounts.objects.changes import find_changes
from agentos.machine.mounts.objects.tree import ObjectTree

#: Seconds that a content is kept after its last use.
_KEPT = 7 * 86400


@dataclass(frozen=True, slots=True)
class Unsent:
    """Files that an object store has not got, of a machine that is no more.

    Attributes:
        url: Which store they were for.
        place: The directory they are in.
        count: How many they are.
    """

    url: str
    place: Path
    count: int


def collect() -> tuple[int, list[Unsent]]:
    """Remove old contents and what ended machines left; what was not sent stays.

    Returns:
        How many bytes of contents were removed, and what is unsent.
    """
    removed = 0
    unsent: list[Unsent] = []
    for place in sorted(cache_root().glob("*/trees")):
        cache = ObjectCache(place.parent)
        for tree in sorted(place.iterdir()):
            left = _collect_tree(tree, cache)
            unsent += [left] if left else []
        removed += cache.collect(time.time() - _KEPT)
    return removed, unsent


def _collect_tree(place: Path, cache: ObjectCache) -> Unsent | None:
    """Remove a tree that no machine has, unless it has what the store has not."""
    try:
        lock = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        tree = ObjectTree.left_behind(place, lock, cache)
        if tree and (changed := find_changes(tree).unsent):
            return Unsent(tree.url, tree.files, len(changed))
        remove_tree(place)
    except BlockingIOError:
        return None  # a machine has it
    finally:
        os.close(lock)
    return None
