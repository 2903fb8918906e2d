"""Snapshots as tar files: out with their user xattrs and whiteouts, in with every path checked."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

from agentos.errors import MachineError
from agentos.machine.images.members import MAX_SIZE, Inspection, Member, invalid, refused
from agentos.machine.isolation.id_map import MACHINE_USER, IdMap, choose_id_map
from agentos.machine.layers.config import ImageConfig
from agentos.machine.layers.host_image import SYSTEM_DIRECTORIES
from agentos.machine.layers.owner import choose_owner, give_to_owner, run_as_owner
from agentos.machine.layers.store import LayerStore, Snapshot
from agentos.machine.snapshots import check_name, require_own

#: The member that says what a snapshot that stands on nothing has beside its layers.
_CONFIG = "image.json"
_LARGEST_CONFIG = 2**20
#: Where a machine mounts what it shares; no layer may lead elsewhere from there.
_MOUNTED_ON = ("opt", "opt/agentos")
_TAR = ("--xattrs", "--xattrs-include=user.*", "--numeric-owner")


def _tar() -> str:
    program = shutil.which("tar", path="/usr/bin:/bin")
    if program is None:
        raise MachineError("there is no tar on this host", hint="sudo apt-get install tar")
    return program


async def export(name: str, target: Path) -> None:
    """Write a snapshot as a tar file: one directory a layer, the lowest first.

    The layers follow one another as archives of their own: `tar -i` reads them all.

    Args:
        name: The snapshot.
        target: The file; it is complete or not there.

    Raises:
        MachineError: There is no such snapshot, or it could not be read.
        OSError: The file cannot be written.
    """
    store = LayerStore()
    snapshot = store.get(name)
    require_own(snapshot)
    held = store.hold(snapshot.layers)
    fd, staging = tempfile.mkstemp(prefix=f".{target.name}-", dir=target.parent)
    try:
        if snapshot.config is not None:
            _write_config(snapshot.config, fd)
        for number, layer in enumerate(reversed(snapshot.layers)):
            # Names and hard links move below a directory for the layer; what links lead to stays.
            rename = f"--transform=flags=rSh;s,^\\.,{number:04},"
            argv = [_tar(), "-cf", "-", "--sort=name", *_TAR, rename, "."]
            await run_as_owner(snapshot.ids, store.upper(layer), argv, stdout=fd)
        os.replace(staging, target)
    except BaseException:
        os.unlink(staging)
        raise
    finally:
        os.close(fd)
        for lock in held:
            os.close(lock)


async def import_(name: str, source: Path, *, max_size: int = MAX_SIZE) -> Snapshot:
    """Make a snapshot of a tar file that `export` wrote.

    Args:
        name: The new snapshot's name.
        source: The file.
        max_size: Bytes that it may unpack to.

    Raises:
        MachineError: A path or link leaves the root, it is too large, or it is no such file;
            nothing of it is kept.
    """
    check_name(name)
    store = LayerStore()
    store.require_free(name)
    packed = await asyncio.to_thread(_check, source, max_size)
    ids = await choose_owner() if packed.has_owners else choose_id_map()
    with contextlib.ExitStack() as kept:
        layers = [kept.enter_context(store.new_layer()) for _ in range(packed.count)]
        for number, layer in enumerate(layers):
            await give_to_owner(ids, store.upper(layer))
            await _unpack(store, source, layer, number, ids)
        return store.add(name, list(reversed(layers)), ids, packed.config)


async def _unpack(store: LayerStore, source: Path, layer: str, number: int, ids: IdMap) -> None:
    top = f"{number:04}"
    argv = [_tar(), "-xpif", "-", *_TAR, "--strip-components=1", "--", top]
    fd = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
    try:
        await run_as_owner(ids, store.upper(layer), argv, stdin=fd)
    finally:
        os.close(fd)


@dataclass(frozen=True, slots=True)
class _Packed:
    """What an archive holds.

    Attributes:
        count: The number of layers.
        config: The settings of a snapshot that stands on nothing.
        has_owners: Whether something in it belongs to another than the machine's user.
    """

    count: int
    config: ImageConfig | None
    has_owners: bool


def _check(source: Path, max_size: int) -> _Packed:
    """Look at every member before anything is unpacked."""
    try:
        with tarfile.open(source, ignore_zeros=True, tarinfo=Member) as archive:
            packed = _check_members(archive, Inspection(max_size))
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise invalid(f"{source} is not a snapshot's tar file", error) from error
    if packed is None:
        raise MachineError(f"{source} holds no layers of a snapshot", code="archive_invalid")
    return packed


def _check_members(archive: tarfile.TarFile, inspection: Inspection) -> _Packed | None:
    """Look at each; None if they are not the layers of a snapshot."""
    layers: set[str] = set()
    has_owners = False
    config: ImageConfig | None = None
    for member in archive:
        if member.name == _CONFIG and not layers and config is None:
            inspection.count(member)
            config = _read_config(archive, member)
            continue
        top = member.name.split("/")[0]
        if not top.isdigit():
            raise refused(member.name, "it leaves the root")
        path = inspection.check(member, top)
        mounted_on = _MOUNTED_ON if config else (*_MOUNTED_ON, *SYSTEM_DIRECTORIES)
        if path.partition("/")[2] in mounted_on and not (member.isdir() or member.ischr()):
            raise refused(member.name, "a directory of the host is mounted on it")
        layers.add(top)
        has_owners |= (member.uid, member.gid) != (MACHINE_USER, MACHINE_USER)
    if layers != {f"{n:04}" for n in range(len(layers))} or not layers:
        return None
    return _Packed(len(layers), config, has_owners)


def _read_config(archive: tarfile.TarFile, member: tarfile.TarInfo) -> ImageConfig:
    content = archive.extractfile(member) if member.size <= _LARGEST_CONFIG else None
    if content is None:
        raise refused(member.name, "it is no file, or too large")
    return ImageConfig.from_json(content.read())


def _write_config(config: ImageConfig, fd: int) -> None:
    with open(os.dup(fd), "wb") as out:
        text = config.to_json().encode()
        member = tarfile.TarInfo(_CONFIG)
        member.size, member.mode = len(text), 0o644
        out.write(member.tobuf() + text + b"\0" * (-len(text) % tarfile.BLOCKSIZE))
