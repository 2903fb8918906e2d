"""A stack of layers, read on the host as an overlay reads it.

A character device 0:0 hides what lies below its name, and an opaque directory all that lies
below its own. Somebody may go on writing to the top layer meanwhile: what vanishes counts as
absent, and no link is followed, whatever becomes one.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO

_OPAQUE = "user.overlay.opaque"
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
#: How a name answers that has gone, or is now of another kind than a moment ago.
_GONE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO, errno.ENODEV, errno.EINVAL}


@dataclass(frozen=True, slots=True)
class Found:
    """What a stack of layers has at a name.

    Attributes:
        name: The name.
        parent: The descriptor of the directory that holds the topmost entry.
        status: Of the topmost entry, or None where nothing is, or it is hidden.
        layers: The layers that make up a directory.
        closed: Whether whatever lies below the stack is hidden.
    """

    name: str
    parent: int = -1
    status: os.stat_result | None = None
    layers: tuple[int, ...] = ()
    closed: bool = False

    @property
    def is_directory(self) -> bool:
        return self.status is not None and stat.S_ISDIR(self.status.st_mode)

    def target(self) -> bytes | None:
        """Return where a link leads, or None if it has gone."""
        with _going():
            return os.fsencode(os.readlink(self.name, dir_fd=self.parent))
        return None

    def open(self) -> BinaryIO | None:
        """Open a regular file, or return None if it has gone.

        Raises:
            PermissionError: The caller may not read it.
        """
        with _going():
            file = open(os.open(self.name, _FILE, dir_fd=self.parent), "rb")  # noqa: SIM115
            if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return file
            file.close()
        return None


def look_up(opened: Mapping[int, int], name: str) -> Found:
    """Find what the layers together have at a name.

    Args:
        opened: Descriptors of one directory by layer, top first; see `opened_in`.
        name: A name in the directory.
    """
    found = Found(name)
    for layer, parent in opened.items():
        try:
            status = os.stat(name, dir_fd=parent, follow_symlinks=False)
        except FileNotFoundError:
            continue
        is_directory = stat.S_ISDIR(status.st_mode)
        hidden = stat.S_ISCHR(status.st_mode) and status.st_rdev == 0
        if found.status is None and not hidden:
            found = replace(found, parent=parent, status=status)
        elif not is_directory:
            return replace(found, closed=True)
        if is_directory:
            found = replace(found, layers=(*found.layers, layer))
        if not is_directory or _is_opaque(parent, name):
            return replace(found, closed=True)
    return found


@contextlib.contextmanager
def opened_in(layers: Sequence[int], path: Sequence[str]) -> Iterator[dict[int, int]]:
    """Open a directory in each of the layers that has it.

    Args:
        layers: Descriptors of the layers' topmost directories, top first.
        path: The names on the way.

    Raises:
        PermissionError: The caller may not read it.
    """
    with contextlib.ExitStack() as held:
        opened = {}
        for layer in layers:
            fd = _open_directory(layer, path)
            if fd is not None:
                held.callback(os.close, fd)
                opened[layer] = fd
        yield opened


def names_in(opened: Mapping[int, int]) -> set[str]:
    """List the names in a directory of any of the layers, hidden ones too."""
    return {name for fd in opened.values() for name in os.listdir(fd)}


def _open_directory(layer: int, path: Sequence[str]) -> int | None:
    """Go name by name, so that no link on the way is followed."""
    fd = os.open(".", _DIRECTORY, dir_fd=layer)
    for name in path:
        below = None
        try:
            with _going():
                below = os.open(name, _DIRECTORY, dir_fd=fd)
        finally:
            os.close(fd)
        if below is None:
            return None
        fd = below
    return fd


def _is_opaque(parent: int, name: str) -> bool:
    try:
        value = os.getxattr(f"/proc/self/fd/{parent}/{name}", _OPAQUE, follow_symlinks=False)
    except OSError as error:  # EACCES: to read the directory fails too, and is reported
        if error.errno not in {errno.ENODATA, errno.ENOTSUP, errno.EACCES, errno.EPERM, *_GONE}:
            raise
        return False
    return value == b"y"


@contextlib.contextmanager
def _going() -> Iterator[None]:
    """Go on where a name has gone meanwhile."""
    try:
        yield
    except OSError as error:
        if error.errno not in _GONE:
            raise
