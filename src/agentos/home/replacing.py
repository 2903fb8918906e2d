"""Replace a file so that nobody ever sees half of it."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_FRESH = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


def replace_file(
    path: Path,
    content: bytes,
    *,
    mode: int | None = None,
    follow: bool = True,
    private: bool = False,
) -> None:
    """Give a file new content, at once or not at all; it keeps its mode and owner.

    Args:
        path: The file; its directory is there.
        content: All of it.
        mode: The permissions of one that was not there; by default what the umask leaves.
        follow: Whether of a symbolic link the target is replaced, or the link itself.
        private: Whether it is its owner's alone from now on, whatever its mode was.

    Raises:
        OSError: It cannot be written; the old content is still there.
    """
    target = Path(os.path.realpath(path)) if follow else path
    fresh = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    fd = os.open(fresh, _FRESH, 0o600 if private else mode or 0o666)
    try:
        with naming(target), open(fd, "wb") as file:
            if not private:
                _like(target, fd)
            file.write(content)
            file.flush()
            os.fsync(fd)
        os.replace(fresh, target)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    sync_directory(target.parent)


def create_file(path: Path, content: bytes, *, mode: int = 0o666) -> None:
    """Make a file, complete from the first moment it is there.

    Args:
        path: The file; its directory is there.
        content: All of it.
        mode: Its permissions, but for what the umask takes away.

    Raises:
        FileExistsError: There is one already, which is left alone.
        OSError: It cannot be written; there is none.
    """
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with naming(path), open(os.open(fresh, _FRESH, mode), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.link(fresh, path)
    finally:
        fresh.unlink(missing_ok=True)
    sync_directory(path.parent)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Have an error of a descriptor, as of a disk that is full, say which file it is about.

    Raises:
        OSError: With the file's name.
    """
    try:
        yield
    except OSError as error:
        if error.filename is not None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error


def sync_directory(path: Path) -> None:
    """Make the names in a directory last through a loss of power."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _like(target: Path, fd: int) -> None:
    """Give a file the mode and, where this is not ours, the owner of another."""
    try:
        was = target.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISREG(was.st_mode):
        return
    mine = os.fstat(fd)
    if (was.st_uid, was.st_gid) != (mine.st_uid, mine.st_gid):
        os.fchown(fd, was.st_uid, was.st_gid)
    os.fchmod(fd, stat.S_IMODE(was.st_mode))
