"""The layer store: what snapshots are made of, on disk.

A layer is a directory `layers/<id>/upper` that never changes; a snapshot is a name for a stack of
them, top first, above the host image. The index is SQLite. A layer is complete before the index
knows it, and is out of the index before it is removed, so a kill at any moment leaves at most a
directory that nobody refers to, which `collect` removes.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import os
import secrets
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from agentos.config import data_dir
from agentos.errors import MachineError
from agentos.machine.isolation.id_map import IdMap
from agentos.machine.layers.config import ImageConfig
from agentos.machine.layers.owner import size_as_owner
from agentos.machine.layers.removal import remove_tree

_SCHEMA = """
CREATE TABLE IF NOT EXISTS layer (id TEXT PRIMARY KEY, size INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS snapshot (
    name TEXT PRIMARY KEY, created REAL NOT NULL, uid_map TEXT NOT NULL, gid_map TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS stack (
    snapshot TEXT NOT NULL REFERENCES snapshot ON DELETE CASCADE,
    position INTEGER NOT NULL,
    layer TEXT NOT NULL REFERENCES layer,
    PRIMARY KEY (snapshot, position)
);
CREATE TABLE IF NOT EXISTS stands_on_nothing (
    snapshot TEXT PRIMARY KEY REFERENCES snapshot ON DELETE CASCADE, config TEXT NOT NULL
);
"""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A machine's files as they were, by name.

    Attributes:
        name: Its name; `AgentOs(image=name)` starts from it.
        created: When, in seconds since the epoch.
        size: Bytes of its layers on disk.
        layers: Their ids, top first.
        ids: The ids that own the files.
        config: Settings of an image that stands on nothing; None if it stands on the host.
    """

    name: str
    created: float
    size: int
    layers: tuple[str, ...]
    ids: IdMap
    config: ImageConfig | None = None


class LayerStore:
    """The layers and snapshots of a user, shared by all processes.

    Args:
        root: Where it is; by default `layers` in the data directory.
    """

    def __init__(self, root: Path | None = None) -> None:
        self.root = root or data_dir() / "layers"
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)

    @contextlib.contextmanager
    def _index(self) -> Iterator[sqlite3.Connection]:
        connection = sqlite3.connect(self.root / "index.sqlite", timeout=30)
        try:
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(_SCHEMA)
            with connection:
                yield connection
        except sqlite3.DatabaseError as error:
            raise MachineError(
                f"the layer store's index cannot be used: {self.root / 'index.sqlite'}: {error}",
                code="layer_store",
                hint="move it aside; snapshots that it named have to be made again",
            ) from error
        finally:
            connection.close()

    def upper(self, layer: str) -> Path:
        """Return the directory of a layer's files."""
        return self.root / layer / "upper"

    # ---- layers ----

    @contextlib.contextmanager
    def new_layer(self) -> Iterator[str]:
        """Make a directory for a layer, locked; it is removed again unless a snapshot took it."""
        layer = f"l{secrets.token_hex(8)}"
        directory = self.root / layer
        directory.mkdir(mode=0o755)
        lock = self._lock(layer, fcntl.LOCK_SH)
        try:
            (directory / "upper").mkdir()
            (directory / "upper").chmod(0o755)
            yield layer
        finally:
            if lock is not None:
                os.close(lock)
            if not self._is_known(layer):
                remove_tree(directory)

    def hold(self, layers: tuple[str, ...]) -> list[int]:
        """Keep layers from being removed while the returned descriptors are open.

        Raises:
            MachineError: One of them is gone.
        """
        held: list[int] = []
        for layer in layers:
            lock = self._lock(layer, fcntl.LOCK_SH)
            if lock is None or not self.upper(layer).is_dir():
                for fd in [*held, *([] if lock is None else [lock])]:
                    os.close(fd)
                raise MachineError(
                    f"a layer of the snapshot is gone: {self.root / layer}",
                    code="layer_missing",
                    hint="remove the snapshot and make it again",
                )
            held.append(lock)
        return held

    def _lock(self, layer: str, kind: int) -> int | None:
        try:
            fd = os.open(self.root / layer, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(fd, kind)
        except BlockingIOError:
            os.close(fd)
            return None
        return fd

    def _is_known(self, layer: str) -> bool:
        with self._index() as index:
            return (
                index.execute("SELECT 1 FROM layer WHERE id = ?", (layer,)).fetchone() is not None
            )

    # ---- snapshots ----

    def add(
        self, name: str, layers: list[str], ids: IdMap, config: ImageConfig | None = None
    ) -> Snapshot:
        """Name a stack of layers, top first.

        Args:
            name: The new snapshot's.
            layers: Their ids.
            ids: The ids that own their files.
            config: Settings of a stack that stands on nothing; None for one on the host.

        Raises:
            MachineError: The name is taken, or is no name.
        """
        with self._index() as index:
            try:
                row = (name, time.time(), ids.uid, ids.gid)
                index.execute("INSERT INTO snapshot VALUES (?, ?, ?, ?)", row)
            except sqlite3.IntegrityError:
                raise _taken(name) from None
            for position, layer in enumerate(layers):
                size = tree_size(self.upper(layer), ids)
                index.execute("INSERT OR IGNORE INTO layer VALUES (?, ?)", (layer, size))
                index.execute("INSERT INTO stack VALUES (?, ?, ?)", (name, position, layer))
            if config is not None:
                text = config.to_json()
                index.execute("INSERT INTO stands_on_nothing VALUES (?, ?)", (name, text))
        return self.get(name)

    def require_free(self, name: str) -> None:
        """Raise `MachineError` if a snapshot has this name, before any work is done for it."""
        if any(snapshot.name == name for snapshot in self.snapshots()):
            raise _taken(name)

    def get(self, name: str) -> Snapshot:
        """Find a snapshot by name.

        Raises:
            MachineError: There is none of that name.
        """
        for snapshot in self.snapshots():
            if snapshot.name == name:
                return snapshot
        known = ", ".join(s.name for s in self.snapshots()) or "none yet"
        raise MachineError(
            f"there is no image {name!r}",
            code="image_unknown",
            hint=f'"host" is this host; images and snapshots: {known}',
        )

    def snapshots(self) -> list[Snapshot]:
        """List the snapshots, oldest first."""
        query = """
            SELECT name, created, uid_map, gid_map, layer.id, layer.size, config FROM snapshot
            JOIN stack ON stack.snapshot = name JOIN layer ON layer.id = stack.layer
            LEFT JOIN stands_on_nothing ON stands_on_nothing.snapshot = name
            ORDER BY created, name, position
        """
        with self._index() as index:
            rows = index.execute(query).fetchall()
        found: dict[str, Snapshot] = {}
        for name, created, uid_map, gid_map, layer, size, text in rows:
            config = None if text is None else ImageConfig.from_json(text)
            known = found.get(name) or Snapshot(
                name, created, 0, (), IdMap(uid_map, gid_map), config
            )
            found[name] = dataclasses.replace(
                known, size=known.size + size, layers=(*known.layers, layer)
            )
        return list(found.values())

    def remove(self, name: str) -> None:
        """Forget a snapshot; `collect` removes layers that no other one stands on.

        Raises:
            MachineError: There is none of that name.
        """
        self.get(name)
        with self._index() as index:
            index.execute("DELETE FROM snapshot WHERE name = ?", (name,))

    def collect(self) -> list[str]:
        """Remove what no snapshot refers to and no machine uses; returns the layers' ids."""
        with self._index() as index:
            unused = "DELETE FROM layer WHERE id NOT IN (SELECT layer FROM stack)"
            index.execute(unused)
            known = {row[0] for row in index.execute("SELECT id FROM layer")}
        removed = []
        for directory in self.root.glob("l*"):
            if directory.name in known:
                continue
            lock = self._lock(directory.name, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if lock is None:
                continue
            try:
                remove_tree(directory)
                removed.append(directory.name)
            finally:
                os.close(lock)
        return removed


def _taken(name: str) -> MachineError:
    return MachineError(
        f"there is a snapshot {name!r} already",
        code="snapshot_exists",
        hint=f"choose another name, or: agentos snapshot rm {name}",
    )


def tree_size(top: Path, ids: IdMap) -> int:
    """Add up the bytes that a tree of these ids takes on disk; a hard link counts once."""
    seen: set[tuple[int, int]] = set()
    closed: list[OSError] = []
    total = 0
    for directory, _, names in os.walk(top, onerror=closed.append):
        for name in (*names, "."):
            status = os.lstat(os.path.join(directory, name))
            if (status.st_dev, status.st_ino) not in seen:
                seen.add((status.st_dev, status.st_ino))
                total += status.st_blocks * 512
    return size_as_owner(ids, top) if closed else total
