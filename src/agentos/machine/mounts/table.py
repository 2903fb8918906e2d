"""What is mounted in a machine, beside what it was built from."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from agentos.errors import MachineError
from agentos.machine.isolation.backends import RunningMachine
from agentos.machine.mounts.mount import Mount, Path, reserved, resting_place
from agentos.machine.mounts.object_trees import ObjectTrees
from agentos.machine.mounts.pin import pin
from agentos.machine.protocol import Op, Reply

if TYPE_CHECKING:
    from agentos.machine.mounts.objects.sync import SyncReport

_T = TypeVar("_T")
#: A directory is let go of one round after what is in it.
_FORGOTTEN_LEVELS = 6
_LAZILY = 1
_UNMAKE = 2

#: What the kernel's answers mean here, where its own words would puzzle.
_ATTACH_REASONS = {
    errno.ELOOP: "it is a symbolic link",
    errno.EACCES: "no mount point can be made here, as the directory belongs to the image",
}
_DETACH_REASONS = {
    errno.EBUSY: "in use, or with a mount in it; force=True takes it away all the same",
    errno.EINVAL: "covered by another mount, or moved away by the machine",
}


@dataclass(frozen=True, slots=True)
class _Attached:
    """A mount, its id in the machine's kernel, and whether its mount point was made for it."""

    mount: Mount
    id: int
    made: bool


class MountTable:
    """The mounts of one machine, by target.

    Args:
        mounts: What is to be there whenever the machine boots.
    """

    def __init__(self, mounts: tuple[Mount, ...] = ()) -> None:
        if len({mount.target for mount in mounts}) < len(mounts):
            raise ValueError("two mounts have the same target")
        self._first: tuple[Mount, ...] | None = mounts
        self._attached: dict[str, _Attached] = {}
        self._trees = ObjectTrees()
        self._changing = asyncio.Lock()

    @property
    def mounts(self) -> tuple[Mount, ...]:
        """What is mounted, in the order of mounting; before the machine starts, what will be."""
        if self._first is not None:
            return self._first
        return tuple(attached.mount for attached in self._attached.values())

    async def attach_all(self, machine: RunningMachine, old: RunningMachine | None) -> None:
        """Mount in a machine that has just booted what is to be there.

        Args:
            machine: The new machine.
            old: The one that it goes on for, if any; what is in memory is taken over.
        """
        table: dict[str, _Attached] = {}
        async with self._changing:
            for mount in self.mounts:
                before = self._attached.get(mount.target)
                if old and before and mount.kind == "tmpfs":
                    fd = await _copy(old, before)
                else:
                    fd = await pin(await self._trees.shown(mount), machine.ids)
                await _to_the_end(_attach(machine, mount, fd, table))
            self._first, self._attached = None, table

    async def attach(self, machine: RunningMachine, mount: Mount) -> None:
        """Mount something in a running machine."""
        async with self._changing:
            if mount.target in self._attached:
                raise MachineError(
                    f"there is a mount at {mount.target} already",
                    code="mount_exists",
                    hint=f"await vm.unmount({mount.target!r}) first",
                )
            try:
                fd = await pin(await self._trees.shown(mount), machine.ids)
                await _to_the_end(_attach(machine, mount, fd, self._attached))
            except BaseException:
                if mount.target not in self._attached:
                    await self._trees.discard(mount.target)
                raise

    async def detach(self, machine: RunningMachine, target: Path, *, force: bool) -> None:
        """Unmount what was mounted at a target."""
        place = resting_place(target)
        async with self._changing:
            attached = self._attached.get(place)
            if attached is None:
                raise MachineError(
                    f"nothing was mounted at {place}",
                    code="not_mounted",
                    hint="`vm.mounts` lists what can be unmounted",
                )
            if not force:  # while the machine still has what cannot be sent
                await self._trees.sync(place)
            await _to_the_end(self._detach(machine, place, attached, force))

    async def sync(self, target: Path) -> SyncReport:
        """Send what the machine changed in a mount of objects."""
        place = resting_place(target)
        async with self._changing:
            report = await self._trees.sync(place)
        if report is None:
            raise MachineError(
                f"no objects are mounted at {place} to be written",
                code="mount_not_synced",
                hint="sync_mount is for Mount.objects(..., read_only=False)",
            )
        return report

    async def branch(self) -> MountTable:
        """Make the table of a fork, which has its own copies of objects as they are now."""
        other = MountTable(self.mounts)
        other._trees = await self._trees.branch()
        return other

    async def close(self) -> None:
        """Send what an ended machine changed in its mounts of objects, and remove the files.

        Raises:
            SyncConflict: Others changed the same objects.
            ObjectStoreError: The store failed. What was not sent is kept, and the error says where.
        """
        async with self._changing:
            for target in self._trees.targets - self._attached.keys():
                await self._trees.discard(target)
            await self._trees.close_all()

    async def _detach(
        self, machine: RunningMachine, place: str, attached: _Attached, force: bool
    ) -> None:
        flags = _LAZILY * force | _UNMAKE * attached.made
        numbers = (attached.id, flags, 0, 0)
        reply = await machine.channel.send(Op.DETACH, [os.fsencode(place)], numbers)
        rounds = 0 if machine.commands is machine.channel else _FORGOTTEN_LEVELS
        while reply.error == errno.EBUSY and rounds:  # perhaps the other kernel just remembers it
            rounds -= 1
            await machine.commands.call(Op.FORGET, [], path="/usr")
            reply = await machine.channel.send(Op.DETACH, [os.fsencode(place)], numbers)
        _check(reply, place, _DETACH_REASONS)
        del self._attached[place]
        await self._trees.close(place)


async def _attach(
    machine: RunningMachine, mount: Mount, fd: int, table: dict[str, _Attached]
) -> None:
    """Attach a detached mount, close its descriptor, and note it."""
    try:
        reply = await machine.channel.send(Op.ATTACH, [os.fsencode(mount.target)], fds=[fd])
    finally:
        os.close(fd)
    if reply.error == errno.EPERM:
        raise reserved(mount.target)
    _check(reply, mount.target, _ATTACH_REASONS)
    table[mount.target] = _Attached(mount, reply.a, bool(reply.b))


async def _copy(machine: RunningMachine, attached: _Attached) -> int:
    target = os.fsencode(attached.mount.target)
    return (await machine.channel.call(Op.COPY, [target], (attached.id, 0, 0, 0))).fd


def _check(reply: Reply, target: str, reasons: dict[int, str]) -> None:
    if reply.error:
        raise OSError(reply.error, reasons.get(reply.error) or os.strerror(reply.error), target)


async def _to_the_end(work: Coroutine[object, object, _T]) -> _T:
    """Await work that the machine finishes anyway, so that the table says what is so.

    A cancellation waits for its end.
    """
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        while not task.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait({task})
        task.exception()  # read, so that a failure nobody waits for is no warning
        raise
