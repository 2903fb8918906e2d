"""Checking and unpacking an archive, in small steps that can be stopped."""

from __future__ import annotations

import base64
import hashlib
import os
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from threading import Event
from typing import IO

from agentos.errors import SoftwareError

_BLOCK = 1 << 20


class Stopped(Exception):
    """The caller no longer wants the result."""


def checksum(path: Path, algorithm: str, stop: Event) -> str:
    """Compute a file's checksum.

    Args:
        path: The file.
        algorithm: `sha256` or `sha512`.
        stop: Set it from another thread to end early.

    Returns:
        The algorithm, a dash, and the digest in base64.

    Raises:
        Stopped: `stop` was set.
    """
    digest = hashlib.new(algorithm)
    with path.open("rb") as file:
        for block in _blocks(file, stop):
            digest.update(block)
    return f"{algorithm}-{base64.b64encode(digest.digest()).decode()}"


def unpack(archive: Path, root: Path, keep: Mapping[str, str], stop: Event) -> int:
    """Unpack chosen members of a zip or tar, readable by every user.

    Args:
        archive: The file.
        root: An existing, empty directory.
        keep: Where members go: path in the archive -> path below `root`; a key that
            ends in `/` keeps everything below it.
        stop: Set it from another thread to end early.

    Returns:
        The bytes written.

    Raises:
        SoftwareError: With the code `archive_unsafe` when a member has an absolute path
            or one with `..`, or when one to keep is a link or a device; with the code
            `archive_incomplete` when one to keep is missing.
        Stopped: `stop` was set.
    """
    written = 0
    missing = set(keep)
    members = _zip_members(archive) if zipfile.is_zipfile(archive) else _tar_members(archive)
    for member in members:
        _refuse_unless(_is_inside(member.name), archive, member.name)
        key = _key(member.name, keep)
        if key is None:
            continue
        target = keep[key] + member.name[len(key) :]
        _refuse_unless(member.is_file and _is_inside(target), archive, member.name)
        missing.discard(key)
        written += _write(member, root / target, stop)
    if missing:
        raise SoftwareError(
            f"{archive.name} lacks {', '.join(sorted(missing))}", code="archive_incomplete"
        )
    for folder, _, _ in os.walk(root):
        Path(folder).chmod(0o755)
    return written


@dataclass(frozen=True)
class _Member:
    name: str
    is_file: bool
    executable: bool
    open: Callable[[], IO[bytes]]


def _zip_members(path: Path) -> Iterator[_Member]:
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            mode = info.external_attr >> 16
            if not info.is_dir():
                # A zip made elsewhere than on Unix has no file type.
                is_file = stat.S_IFMT(mode) in (0, stat.S_IFREG)
                opener = _zip_opener(archive, info)
                yield _Member(info.filename, is_file, bool(mode & 0o111), opener)


def _tar_members(path: Path) -> Iterator[_Member]:
    with tarfile.open(path, "r:*") as archive:
        for info in archive:
            if not info.isdir():
                opener = _tar_opener(archive, info)
                yield _Member(info.name, info.isreg(), bool(info.mode & 0o111), opener)


def _zip_opener(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Callable[[], IO[bytes]]:
    return lambda: archive.open(info)


def _tar_opener(archive: tarfile.TarFile, info: tarfile.TarInfo) -> Callable[[], IO[bytes]]:
    def opened() -> IO[bytes]:
        file = archive.extractfile(info)
        assert file is not None, "only regular files are opened"
        return file

    return opened


def _is_inside(name: str) -> bool:
    path = PurePosixPath(name)
    return bool(name) and not path.is_absolute() and ".." not in path.parts


def _key(name: str, keep: Mapping[str, str]) -> str | None:
    if name in keep:
        return name
    return next((key for key in keep if key.endswith("/") and name.startswith(key)), None)


def _refuse_unless(safe: bool, archive: Path, name: str) -> None:
    if not safe:
        raise SoftwareError(
            f"{archive.name} is refused: its member {name!r} is no plain file inside the archive",
            code="archive_unsafe",
        )


def _write(member: _Member, target: Path, stop: Event) -> int:
    target.parent.mkdir(parents=True, exist_ok=True)
    written = 0
    with member.open() as source, target.open("xb") as file:
        for block in _blocks(source, stop):
            file.write(block)
            written += len(block)
    target.chmod(0o555 if member.executable else 0o444)
    return written


def _blocks(file: IO[bytes], stop: Event) -> Iterator[bytes]:
    while block := file.read(_BLOCK):
        if stop.is_set():
            raise Stopped
        yield block
