"""Make an image of an archive: a root file system, an OCI layout, or what `docker save` writes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from agentos.errors import ChecksumMismatch, MachineError
from agentos.machine.images.bundle import (
    Open,
    Packed,
    check_blob,
    opened_archive,
    opened_directory,
    read_docker_archive,
    read_layout,
)
from agentos.machine.images.members import MAX_SIZE, Inspection, Member, invalid
from agentos.machine.images.own_files import EXTENDED, write_own_files
from agentos.machine.images.streams import Hashed, decompressed, is_compressed
from agentos.machine.images.unpack import LayerWriter, Tree
from agentos.machine.isolation.id_map import MACHINE_USER, IdMap
from agentos.machine.layers.config import ImageConfig
from agentos.machine.layers.owner import choose_owner, give_to_owner, run_as_owner
from agentos.machine.layers.store import LayerStore, Snapshot
from agentos.machine.snapshots import check_name

#: Top directories by which a root file system is told from an archive of images.
_ROOTS = {"bin", "boot", "etc", "lib", "sbin", "usr", "var"}

Fill = Callable[[LayerWriter], object]


async def import_image(name: str, source: Path, *, max_size: int = MAX_SIZE) -> Snapshot:
    """Make an image that `AgentOs(image=name)` starts from, with nothing of the host in it.

    Args:
        name: The new image's name.
        source: A tar file of a root file system, an OCI layout as a directory or tar file, or
            what `docker save` wrote; it may be compressed.
        max_size: Bytes that it may unpack to.

    Raises:
        ChecksumMismatch: A part of it is not what its digest says.
        MachineError: It would leave the root, is too large or damaged; nothing of it is kept.
        OSError: It cannot be read.

    Example:
        ```python
        await import_image("tools", Path("tools.tar.gz"))
        async with AgentOs(image="tools") as vm:
            await vm.exec("cat /etc/os-release")
        ```
    """
    check_name(name)
    store = LayerStore()
    store.require_free(name)
    ids = await choose_owner()
    try:
        with _Unpacking(store, ids, max_size) as unpacking:
            config = await unpacking.unpack(source)
            return store.add(name, list(reversed(unpacking.layers)), ids, config)
    except tarfile.TarError as error:
        raise invalid(f"{source} is no image", error) from error


class _Unpacking(contextlib.ExitStack):
    """Unpacks layers into the store; they are removed on exit unless an image took them."""

    def __init__(self, store: LayerStore, ids: IdMap, max_size: int) -> None:
        super().__init__()
        self.layers: list[str] = []
        self._store = store
        self._ids = ids
        self._inspection = Inspection(max_size)
        self._max_size = max_size
        self._tree = Tree(ids.count, MACHINE_USER, dict.fromkeys(EXTENDED))

    async def unpack(self, source: Path) -> ImageConfig:
        """Unpack all layers of a file, and ours on top; returns the image's settings."""
        with contextlib.ExitStack() as opened:
            config = await self._unpack_theirs(source, opened)
        await self._add(lambda writer: write_own_files(writer, self._tree))
        if config.directory.strip("/") not in self._tree.directories:
            return ImageConfig(config.env, config.user)
        return config

    async def _unpack_theirs(self, source: Path, opened: contextlib.ExitStack) -> ImageConfig:
        if source.is_dir():
            open_file = opened.enter_context(opened_directory(source))
            return await self._unpack_bundle(open_file, read_layout)
        file = opened.enter_context(await asyncio.to_thread(source.open, "rb"))
        marker = await asyncio.to_thread(_find_marker, file)
        if marker is None:
            await self._add(lambda writer: _copy(writer, file))
            return ImageConfig()
        plain = await asyncio.to_thread(_plain, file, self._max_size, opened)
        open_file = opened.enter_context(opened_archive(plain, str(source)))
        read = read_layout if marker == "oci-layout" else read_docker_archive
        return await self._unpack_bundle(open_file, read)

    async def _unpack_bundle(self, open_file: Open, read: Callable[[Open], Packed]) -> ImageConfig:
        try:
            packed = await asyncio.to_thread(read, open_file)
        except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
            raise invalid("a document of the image is not as it should be", repr(error)) from error
        for layer in packed.layers:
            await asyncio.to_thread(check_blob, open_file, layer.name)
            with open_file(layer.name) as file:
                await self._add(lambda w, file=file, of=layer: _copy(w, file, of.diff_id))  # type: ignore[misc]
        return packed.config

    async def _add(self, fill: Fill) -> None:
        layer = self.enter_context(self._store.new_layer())
        await give_to_owner(self._ids, self._store.upper(layer))
        await _pour(fill, self._tree, self._inspection, self._ids, self._store.upper(layer))
        self.layers.append(layer)


async def _pour(
    fill: Fill, tree: Tree, inspection: Inspection, ids: IdMap, directory: Path
) -> None:
    """Unpack into a directory, as the owner of the machine's files, what `fill` writes."""
    tar = shutil.which("tar", path="/usr/bin:/bin")
    if tar is None:
        raise MachineError("there is no tar on this host", hint="sudo apt-get install tar")
    argv = [tar, "-xpf", "-", "--numeric-owner", "--same-owner", "--delay-directory-restore"]
    argv += ["--xattrs", "--xattrs-include=user.overlay.*", "--warning=no-timestamp"]
    read_end, write_end = os.pipe2(os.O_CLOEXEC)

    def write() -> None:
        with open(write_end, "wb") as out:
            writer = LayerWriter(tree, inspection, out)
            fill(writer)
            writer.finish()

    writing = asyncio.get_running_loop().run_in_executor(None, write)
    try:
        await run_as_owner(ids, directory, argv, stdin=read_end)
    except MachineError:
        os.close(read_end)  # who still writes is told
        await asyncio.wait([writing])
        if not isinstance(writing.exception(), BrokenPipeError):
            await writing  # why tar was left with half of it
        raise
    except BaseException:
        os.close(read_end)
        await asyncio.wait([writing])
        writing.exception()
        raise
    os.close(read_end)
    await writing


def _copy(writer: LayerWriter, file: IO[bytes], diff_id: str = "") -> None:
    with decompressed(file) as stream:
        hashed = Hashed(stream)
        writer.copy(hashed)
        if diff_id and (found := hashed.digest()) != diff_id:
            raise ChecksumMismatch(f"a layer of the image hashes to {found}, not to {diff_id}")


def _find_marker(file: IO[bytes]) -> str | None:
    """Return the file by which an archive of images is known; None for a root file system."""
    found = None
    with decompressed(file) as stream, _members(stream) as names:
        for name in names:
            if name in ("oci-layout", "manifest.json"):
                found = name if found is None else "oci-layout"
            if name.split("/")[0] in _ROOTS:
                found = None
                break
    file.seek(0)
    return found


@contextlib.contextmanager
def _members(stream: IO[bytes]) -> Iterator[Iterator[str]]:
    with tarfile.open(fileobj=stream, mode="r|", tarinfo=Member) as archive:
        yield (member.name.removeprefix("./") for member in iter(archive.next, None))


def _plain(file: IO[bytes], max_size: int, opened: contextlib.ExitStack) -> IO[bytes]:
    """Return the file without compression: where parts of it can be found at once."""
    start = file.read(6)
    file.seek(0)
    if not is_compressed(start):
        return file
    plain = opened.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
    with decompressed(file) as stream:
        size = 0
        while chunk := stream.read(2**20):
            size += len(chunk)
            if size > max_size:
                raise invalid("the archive", f"it unpacks to more than {max_size} bytes")
            plain.write(chunk)
    plain.seek(0)
    return plain
