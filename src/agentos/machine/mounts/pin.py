"""Mounts made on the host's side, as descriptors that a machine's init attaches.

Init has no way to the host's files. So a process of the host (`native/pin.c`) makes a detached
mount and hands it over; it never stands in the host's own mount table.
"""

from __future__ import annotations

import array
import errno
import os
import socket
import stat
from dataclasses import dataclass

from agentos.errors import MachineError
from agentos.machine.blocking_io import in_thread, write_all
from agentos.machine.isolation.id_map import IdMap
from agentos.machine.isolation.namespace import _readable, _wait, spawn_launcher
from agentos.machine.mounts.mount import Mount
from agentos.machine.protocol import REPLY_MAX, Kind, decode_reply

_KERNELS_OWN = ("/proc", "/sys", "/dev")


async def pin(mount: Mount, ids: IdMap) -> int:
    """Make a detached mount for a machine and return its descriptor, which the caller closes.

    Args:
        mount: What to make.
        ids: The machine's ids.

    Raises:
        OSError: The source is not there, or not accessible.
        MachineError: It is refused, or the host's kernel cannot do it.
    """
    if mount.kind == "host":
        return await _pin_host(mount, ids)
    # A tmpfs has the ids of the namespace that makes it; of a secret, one is enough.
    owners = _cheapest(ids) if mount.kind == "secret" else ids
    order = _Order(mount.kind, mount.options, mount.read_only, owners)
    pinned = await order.carry_out()
    try:
        if pinned.file >= 0:
            write_all(pinned.file, mount.content)
    except BaseException:
        os.close(pinned.mount)
        raise
    finally:
        if pinned.file >= 0:
            os.close(pinned.file)
    return pinned.mount


async def _pin_host(mount: Mount, ids: IdMap) -> int:
    assert mount.source is not None
    source = os.path.realpath(mount.source, strict=True)
    before = os.stat(source)
    _refuse(source, before)
    pinned = await _pin_source(source, before, mount.read_only, ids)
    after = os.fstat(pinned)
    if not os.path.samestat(before, after):
        os.close(pinned)
        raise _refused(source, "it was replaced meanwhile", "mount it again")
    return pinned


def _refuse(source: str, status: os.stat_result) -> None:
    if os.path.samestat(status, os.stat("/")):
        raise _refused(source, "it is the root of the host", "mount what the machine needs")
    if any(source == top or source.startswith(f"{top}/") for top in _KERNELS_OWN):
        raise _refused(source, "it belongs to the host's kernel", "copy what the machine needs")
    if not stat.S_ISDIR(status.st_mode) and not stat.S_ISREG(status.st_mode):
        hint = "a socket such as a container engine's would hand the host to the machine"
        raise _refused(source, "it is neither a directory nor a regular file", hint)


def _refused(source: str, reason: str, hint: str) -> MachineError:
    return MachineError(f"cannot mount {source}: {reason}", code="mount_refused", hint=hint)


async def _pin_source(source: str, status: os.stat_result, read_only: bool, ids: IdMap) -> int:
    """Let the machine's user be the owner of the source, where that is not so anyway."""
    plain = _Order("host", source, read_only, _cheapest(ids))
    if _is_caller(ids):
        return (await plain.carry_out()).mount
    uid, gid = ids.user
    owners = IdMap(f"{status.st_uid} {uid} 1", f"{status.st_gid} {gid} 1")
    try:
        return (await _Order("mapped", source, read_only, owners).carry_out()).mount
    except _Unmappable as error:
        if read_only:  # shown as it is: what everybody may read, the machine can
            return (await plain.carry_out()).mount
        raise MachineError(
            f"cannot mount {source} to be written: its owner cannot be mapped to the machine's "
            f"user ({os.strerror(error.errno or 0)})",
            code="mount_unmappable",
            hint="use a directory on ext4, xfs, btrfs or tmpfs with none of another kind below "
            "it, or run AgentOS as the user who owns it",
        ) from error


def _is_caller(ids: IdMap) -> bool:
    return ids.user == (os.geteuid(), os.getegid())


def _cheapest(ids: IdMap) -> IdMap:
    """The caller's own id is mapped by the kernel, without the help that others take."""
    return ids.of_user if _is_caller(ids) else ids


class _Unmappable(OSError):
    """The kernel does not give these files another owner."""


@dataclass(frozen=True, slots=True)
class _Pinned:
    """A detached mount, and of a secret the file to be filled; -1 if there is none."""

    mount: int
    file: int = -1

    def close(self) -> None:
        for fd in (self.mount, self.file):
            if fd >= 0:
                os.close(fd)


@dataclass(frozen=True, slots=True)
class _Order:
    """What the pinning process is to make; `native/pin.c` explains each word."""

    kind: str
    source: str
    read_only: bool
    ids: IdMap

    async def carry_out(self) -> _Pinned:
        host_end, other_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        process, pinned = 0, None
        try:
            with other_end:
                host_end.setblocking(False)
                host_end.send(self._packet())
                process = spawn_launcher("agentos-pin", other_end.fileno())
            pinned = await self._receive(host_end)
        finally:
            host_end.close()
            if process:
                await _reap(process, pinned)
        return pinned

    def _packet(self) -> bytes:
        access = "ro" if self.read_only else "rw"
        words = (self.kind, self.source, access, self.ids.uid, self.ids.gid)
        return b"".join(os.fsencode(word) + b"\0" for word in words)

    async def _receive(self, sock: socket.socket) -> _Pinned:
        file = -1
        try:
            while True:
                await _readable(sock.fileno())
                packet, ancillary, _, _ = sock.recvmsg(
                    REPLY_MAX, socket.CMSG_SPACE(4), socket.MSG_CMSG_CLOEXEC
                )
                if not packet:
                    raise MachineError("the process that makes a mount was killed")
                fd = array.array("i", ancillary[0][2])[0] if ancillary else -1
                reply = decode_reply(memoryview(packet), fd)
                if reply.kind == Kind.FAILED:
                    self._fail(os.fsdecode(reply.data), reply.error)
                if reply.kind == Kind.READY:
                    return _Pinned(reply.fd, file)
                file = reply.fd
        except BaseException:
            if file >= 0:
                os.close(file)
            raise

    def _fail(self, step: str, error: int) -> None:
        if step == "open the source" and not (self.kind == "mapped" and error == errno.EPERM):
            raise OSError(error, os.strerror(error), self.source)
        if self.kind == "mapped":
            raise _Unmappable(error, f"{step}: {os.strerror(error)}", self.source)
        raise MachineError(
            f"cannot make the mount: {step}: {os.strerror(error)}", code="mount_failed"
        )


async def _reap(process: int, pinned: _Pinned | None) -> None:
    try:
        await in_thread(_wait, process)
    except BaseException:  # cancelled: nobody will have what it made
        if pinned is not None:
            pinned.close()
        raise
