"""The verbs of a machine that mount and unmount."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from agentos.machine.commands import CommandVerbs
from agentos.machine.isolation.offers import require
from agentos.machine.mounts.mount import Mount
from agentos.machine.mounts.table import MountTable

if TYPE_CHECKING:
    from agentos.machine.mounts.objects.sync import SyncReport


class MountVerbs(CommandVerbs):
    """Mounts of a machine, also while it runs."""

    _mounts: MountTable

    @property
    def mounts(self) -> tuple[Mount, ...]:
        """What is mounted beside the image, in the order of mounting."""
        return self._mounts.mounts

    async def mount(self, mount: Mount) -> None:
        """Mount a directory or file of the host, memory, a secret or objects in a running machine.

        Args:
            mount: What appears where. What is missing on the way there is made.

        Raises:
            FileNotFoundError: The source is not there.
            MachineError: It is refused, or the host cannot do it; the hint says why.
            ObjectStoreError: The object store refuses or does not answer.
        """
        require(self.isolation, "mount")
        await self._mounts.attach(self.running, mount)

    async def unmount(self, target: str | os.PathLike[str], *, force: bool = False) -> None:
        """Take a mount away.

        Args:
            target: Where it was mounted.
            force: Take it away though something uses it; who has files of it open keeps these.

        Raises:
            OSError: (`errno.EBUSY`) Something uses it.
            MachineError: Nothing was mounted there by `mount`.
            SyncConflict: As with `sync_mount`; it is still mounted, unless `force` was given.
            ObjectStoreError: As with `sync_mount`; likewise.
        """
        require(self.isolation, "unmount")
        await self._mounts.detach(self.running, target, force=force)

    async def sync_mount(self, target: str | os.PathLike[str]) -> SyncReport:
        """Send what the machine changed in a mount of objects to the object store.

        A file replaces its object if that is still the one that was mounted or sent last.

        Args:
            target: Where the objects are mounted.

        Returns:
            What was sent and removed, and what no object store can hold.

        Raises:
            SyncConflict: Others changed the same objects; all else was sent.
            ObjectStoreError: The object store failed, or some files cannot be objects.
            MachineError: No objects are mounted there to be written.

        Example:
            ```python
            await vm.mount(Mount.objects("s3://bucket/results", "results", read_only=False))
            await vm.exec("date > results/now", check=True)
            report = await vm.sync_mount("results")
            assert report.uploaded == ("now",)
            ```
        """
        _ = self.running  # it has to have started
        return await self._mounts.sync(target)
