"""The directory in which one machine has its objects.

What the machine may only read are links to the cache's files; what it may write are copies, and
`base.json` beside them says what they were copied from. The directory is locked while a machine
has it. It outlives the machine only with files that the store has not got.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import subprocess
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

from agentos.errors import MachineError
from agentos.machine.blocking_io import in_thread
from agentos.machine.mounts.objects.base import Base
from agentos.machine.mounts.objects.cache import ObjectCache
from agentos.machine.mounts.objects.faults import unmountable
from agentos.machine.mounts.objects.filling import fill
from agentos.machine.mounts.objects.keys import not_paths
from agentos.machine.mounts.objects.source import ObjectSource
from agentos.machine.mounts.objects.store import Store, Version


@dataclass
class ObjectTree:
    """The files of one machine's mount.

    Attributes:
        url: What is mounted, in one word.
        writable: Whether the machine may write them.
        place: The directory with the files and what is known of them.
        lock: A descriptor whose lock keeps the tree from being collected.
        cache: The contents that all machines share.
        source: What is mounted; None of a tree that was left behind.
        base: Of a writable tree, what its files were, by path.
    """

    url: str
    writable: bool
    place: Path
    lock: int
    cache: ObjectCache
    source: ObjectSource | None = None
    base: dict[str, Base] = field(default_factory=dict)

    @classmethod
    async def open(cls, source: ObjectSource, *, writable: bool) -> Self:
        """Make a tree of the objects that a store has now.

        Raises:
            ObjectStoreError: The store refuses, fails, or holds keys that cannot be paths.
            LimitExceeded: It holds more than the source's bounds.
        """
        store = Store(source)
        listed = await store.list()
        if wrong := not_paths((source.path(one.key), one.size) for one in listed):
            raise unmountable(source, wrong)
        async with cls._new(source, writable) as tree:
            tree.base = await fill(
                tree.files, cache=tree.cache, store=store, listed=listed, copied=writable
            )
        return tree

    @classmethod
    @contextlib.asynccontextmanager
    async def _new(cls, source: ObjectSource, writable: bool) -> AsyncIterator[Self]:
        """Make an empty tree, which is removed again if it cannot be filled."""
        cache = ObjectCache.of(source)
        place, lock = _locked_directory(cache.trees)
        tree = cls(source.url, writable, place, lock, cache, source)
        try:
            tree.files.mkdir()
            tree.files.chmod(0o755)
            yield tree
            await in_thread(tree.save)
        except BaseException:
            await in_thread(tree.remove)
            raise

    @property
    def files(self) -> Path:
        """The directory that is mounted."""
        return self.place / "files"

    def save(self) -> None:
        """Write down what the files of a writable tree were."""
        if not self.writable:
            return
        rows = {path: asdict(base) for path, base in self.base.items()}
        draft = self.place / "base.draft"
        draft.write_text(json.dumps({"url": self.url, "base": rows}))
        draft.rename(self.place / "base.json")

    @classmethod
    def left_behind(cls, place: Path, lock: int, cache: ObjectCache) -> Self | None:
        """Read what a machine left that did not end in good order; None if it wrote nothing."""
        try:
            saved = json.loads((place / "base.json").read_text())
        except FileNotFoundError:
            return None
        except ValueError:  # the host crashed: then every file counts as changed
            saved = {"url": "an object store", "base": {}}
        base = {
            path: Base(
                Version(**row["version"]), row["executable"], row["mark"] and tuple(row["mark"])
            )
            for path, row in saved["base"].items()
        }
        return cls(saved["url"], True, place, lock, cache, None, base)

    async def branch(self) -> ObjectTree:
        """Make a tree with the same files, changed ones included.

        Raises:
            MachineError: They could not be copied.
        """
        assert self.source is not None
        async with self._new(self.source, self.writable) as tree:
            kind = "--reflink=auto" if self.writable else "--link"
            done = await in_thread(_run, ["cp", "-a", kind, f"{self.files}/.", f"{tree.files}/"])
            if done.returncode:
                raise MachineError(
                    f"cannot copy the files of {self.url} for the fork",
                    code="mount_failed",
                    hint=f"cp said: {os.fsdecode(done.stderr[-400:]).strip()}",
                )
            # The copies have times of their own: only their content can tell.
            tree.base = {
                path: Base(base.version, base.executable) for path, base in self.base.items()
            }
        return tree

    def release(self) -> None:
        """Leave the tree to whoever comes for its files."""
        os.close(self.lock)

    def remove(self) -> None:
        """Remove the tree."""
        from agentos.machine.layers.removal import remove_tree

        remove_tree(self.place)
        self.release()


def _run(command: list[str]) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)


def _locked_directory(parent: Path) -> tuple[Path, int]:
    while True:
        place = parent / f"t{secrets.token_hex(8)}"
        place.mkdir()
        lock = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.fstat(lock).st_nlink:
            return place, lock
        os.close(lock)  # a collection took it for an abandoned one
