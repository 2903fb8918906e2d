"""The directories of objects that one machine has, by target."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from agentos.machine.blocking_io import in_thread
from agentos.machine.mounts.mount import Mount

if TYPE_CHECKING:
    from agentos.machine.mounts.objects.sync import SyncReport
    from agentos.machine.mounts.objects.tree import ObjectTree


class ObjectTrees:
    """The directories of objects that one machine has."""

    def __init__(self) -> None:
        self._trees: dict[str, ObjectTree] = {}

    @property
    def targets(self) -> set[str]:
        """Where they are mounted, or will be."""
        return set(self._trees)

    async def shown(self, mount: Mount) -> Mount:
        """Return the mount that shows a mount: of objects, the one of their directory."""
        if mount.remote is None:
            return mount
        from agentos.machine.mounts.objects.tree import ObjectTree

        tree = self._trees.get(mount.target)
        if tree is None:
            tree = await ObjectTree.open(mount.remote, writable=not mount.read_only)
            self._trees[mount.target] = tree
        return Mount.host(tree.files, mount.target, read_only=mount.read_only)

    async def sync(self, target: str) -> SyncReport | None:
        """Send what a machine changed; None if there is nothing that it may write."""
        tree = self._trees.get(target)
        if tree is None or not tree.writable:
            return None
        from agentos.machine.mounts.objects.sync import sync

        return await sync(tree)

    async def discard(self, target: str) -> None:
        """Remove a directory that no machine has seen."""
        if tree := self._trees.pop(target, None):
            await in_thread(tree.remove)

    async def branch(self) -> ObjectTrees:
        """Copy all directories for another machine."""
        other = ObjectTrees()
        try:
            for target, tree in self._trees.items():
                other._trees[target] = await tree.branch()
        except BaseException:
            for target in list(other._trees):
                await other.discard(target)
            raise
        return other

    async def close(self, target: str) -> None:
        """Send what is left to send, and remove the directory; it stays if that fails."""
        sent = False
        try:
            await self.sync(target)
            sent = True
        finally:
            tree = self._trees.pop(target, None)
            if tree and sent:
                await in_thread(tree.remove)
            elif tree:
                tree.release()

    async def close_all(self) -> None:
        """Close each directory, whatever becomes of the others."""
        async with contextlib.AsyncExitStack() as ends:
            for target in list(self._trees):
                ends.push_async_callback(self.close, target)
