"""Installing what is missing: fetch, verify, unpack, put in place."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol, TypeVar

from agentos.errors import SoftwareError
from agentos.software.catalog import (
    CATALOG,
    Artifact,
    Catalog,
    NpmTree,
    Package,
    Platform,
    with_requirements,
)
from agentos.software.staging import Staging, package_lock, staging_directory, sweep
from agentos.software.store import Installed, find, place, software_dir

T = TypeVar("T")


class Progress(Protocol):
    """What wants to know how far an installation is."""

    def started(self, name: str, version: str, total_bytes: int) -> None:
        """Take note that a download of so many bytes begins."""

    def advanced(self, bytes_so_far: int) -> None:
        """Take note of how many bytes have arrived; never more than the total."""

    def finished(self) -> None:
        """Take note that the package is in place."""


async def ensure(
    names: Iterable[str | Package], *, progress: Progress | None = None, catalog: Catalog = CATALOG
) -> list[Installed]:
    """Install packages and what they require, unless they are there.

    Several processes may ask for the same at once: one installs, the others
    wait. An error, a cancellation or a kill leaves nothing half done.

    Args:
        names: Such as `["codex"]`; or packages that the catalog does not have.
        progress: Told of each download; by default nobody is.
        catalog: The packages that exist.

    Returns:
        All of them, requirements first.

    Raises:
        SoftwareError: Unknown name, no build for this host, not in the registry, no
            room (`disk_full`).
        RegistryUnreachable: The registry does not answer.
        ChecksumMismatch: What arrived is not what was pinned.

    Example:
        `codex = (await ensure(["codex"]))[-1].path / "bin/codex"`
    """
    packages = with_requirements(names, catalog)
    return [find(package) or await _install(package, progress, catalog) for package in packages]


async def _install(package: Package, progress: Progress | None, catalog: Catalog) -> Installed:
    artifact = package.artifact_for(Platform.current())
    try:
        await _in_thread(lambda stop: sweep())
        async with package_lock(package.name):
            return find(package) or await _install_alone(package, artifact, progress, catalog)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise _disk_full(package, artifact) from error
        raise SoftwareError(
            f"cannot install {package} in {software_dir()}: {error}",
            hint="AGENTOS_DATA_DIR can name another directory",
        ) from error


async def _install_alone(
    package: Package, artifact: Artifact | NpmTree, progress: Progress | None, catalog: Catalog
) -> Installed:
    with staging_directory() as staging:
        if _free(staging.path) < _needed(artifact):
            raise _disk_full(package, artifact)
        if progress:
            progress.started(package.name, package.version, artifact.size)
        tick = _reporter(progress, staging, artifact.size)
        layer = staging.directory("layer")
        node = _node(catalog)
        if isinstance(artifact, NpmTree):
            size = await _grow(package, artifact, layer, staging, node, tick)
        else:
            size = await _unpack(package, artifact, layer, staging, node, tick)
        placed = place(package, artifact, layer, size, discard=staging.path / "damaged")
    if progress:
        progress.advanced(artifact.size)
        progress.finished()
    return placed


# What follows is imported late: the usual case, where all is installed, pays for none of it.


async def _unpack(
    package: Package,
    artifact: Artifact,
    layer: Path,
    staging: Staging,
    node: Path | None,
    tick: Callable[[], None],
) -> int:
    from agentos.software.archive import checksum, unpack
    from agentos.software.registry import DiskFull, download, mismatch

    try:
        archive = await download(package, artifact, staging, node, tick)
    except DiskFull as error:
        raise _disk_full(package, artifact) from error
    if artifact.integrity is not None:
        algorithm = artifact.integrity.split("-", 1)[0]
        found = await _in_thread(lambda stop: checksum(archive, algorithm, stop))
        if found != artifact.integrity:
            raise mismatch(package, artifact, found)
    size = await _in_thread(lambda stop: unpack(archive, layer, artifact.keep, stop))
    for link, target in (artifact.links or {}).items():
        (layer / link).symlink_to(target)
    return size


async def _grow(
    package: Package,
    tree: NpmTree,
    layer: Path,
    staging: Staging,
    node: Path | None,
    tick: Callable[[], None],
) -> int:
    from agentos.software.npm_tree import seal, write_project
    from agentos.software.registry import DiskFull, install_tree

    write_project(package, tree, layer)
    try:
        await install_tree(package, tree, layer, staging, node, tick)
    except DiskFull as error:
        raise _disk_full(package, tree) from error
    return await _in_thread(lambda stop: seal(layer, stop))


def _reporter(progress: Progress | None, staging: Staging, total: int) -> Callable[[], None]:
    def tick() -> None:
        if progress:
            # The clients copy what has arrived, so there may be more bytes than the total.
            progress.advanced(min(staging.size(), total))

    return tick


def _node(catalog: Catalog) -> Path | None:
    node = find(catalog["node"]) if "node" in catalog else None
    return node.path if node else None


async def _in_thread(work: Callable[[threading.Event], T]) -> T:
    """Run blocking work; a cancellation sets its event and waits for its end."""
    stop = threading.Event()
    with ThreadPoolExecutor(max_workers=1) as thread:
        try:
            return await asyncio.get_running_loop().run_in_executor(thread, work, stop)
        finally:
            stop.set()


def _needed(artifact: Artifact | NpmTree) -> int:
    """The archive, a copy of it that its client makes on the way, and the layer."""
    return 2 * artifact.size + artifact.unpacked


def _free(path: Path) -> int:
    disk = os.statvfs(path)
    return disk.f_bavail * disk.f_frsize


def _disk_full(package: Package, artifact: Artifact | NpmTree) -> SoftwareError:
    return SoftwareError(
        f"the disk is full: installing {package} in {software_dir()} "
        f"needs {_needed(artifact) / 1e6:,.1f} MB",
        code="disk_full",
        hint="free some space, or let AGENTOS_DATA_DIR name a directory on a larger disk",
    )
