"""The files of this computer."""

from __future__ import annotations

import ctypes
import errno
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from agentos.errors import SyncError
from agentos.sync.target import FileState

MOST_BYTES = 64 * 1024 * 1024  # of one file: no configuration is larger
_MANY = 8  # files: from here on, one sync of the file system is cheaper than one of each
_STAYS = (errno.ENOTEMPTY, errno.EEXIST, errno.EBUSY, errno.EACCES, errno.EPERM, errno.EROFS)
_CODES = {
    errno.ELOOP: ("symlink_loop", "its symbolic links lead in a circle"),
    errno.ENOTDIR: ("not_a_directory", "something above it is no directory"),
    errno.EISDIR: ("is_directory", "it is a directory"),
    errno.EACCES: ("not_permitted", "permission is denied"),
    errno.EPERM: ("not_permitted", "the operation is not permitted"),
    errno.EROFS: ("read_only", "its file system is read-only"),
    errno.ENOSPC: ("disk_full", "the disk is full"),
    errno.EDQUOT: ("disk_full", "the disk quota is used up"),
    errno.ENAMETOOLONG: ("name_too_long", "its name is too long"),
}


class HostFiles:
    """Sync's file operations, on this computer."""

    def look(self, path: Path) -> FileState | None:
        with _named(path):
            try:
                found = path.lstat()
            except FileNotFoundError:
                return None
            link = os.readlink(path) if stat.S_ISLNK(found.st_mode) else None
            try:
                found = path.stat() if link is not None else found
            except FileNotFoundError:
                raise _refused(
                    path, "dangling_link", f"it is a link to {link}, not there"
                ) from None
            if stat.S_ISDIR(found.st_mode):
                raise IsADirectoryError(errno.EISDIR, "")
            if not stat.S_ISREG(found.st_mode):
                raise _refused(path, "not_a_file", "it is no regular file")
            if found.st_size > MOST_BYTES:
                raise _refused(path, "too_large", f"it is larger than {MOST_BYTES >> 20} MiB")
            content = path.read_bytes()
            return FileState(
                content, stat.S_IMODE(found.st_mode), (found.st_uid, found.st_gid), link
            )

    def real(self, path: Path) -> Path:
        return Path(os.path.realpath(path))

    def directory_mode(self, path: Path) -> int | None:
        with _named(path):
            try:
                found = path.stat()
            except FileNotFoundError:
                return None
            if not stat.S_ISDIR(found.st_mode):
                raise NotADirectoryError(errno.ENOTDIR, "")
            return stat.S_IMODE(found.st_mode)

    def make_directory(self, path: Path, mode: int) -> None:
        with _named(path):
            path.mkdir(mode)

    def stage(self, path: Path, state: FileState, suffix: str) -> None:
        with _named(path):
            staged = _beside(path, suffix)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
            fd = os.open(staged, flags, state.mode)
            with open(fd, "wb") as file:
                file.write(state.content)
                if state.owner is not None:
                    _become(fd, state)

    def settle(self, paths: Iterable[Path], suffix: str = "") -> None:
        paths = list(paths)
        names = {each for path in paths for each in (path, _written(path))}
        directories = {name.parent for name in names}
        if len(paths) > _MANY:
            for directory in {each.stat().st_dev: each for each in directories}.values():
                with _named(directory):
                    _sync_file_system(directory)
            return
        for path in paths if suffix else ():
            with _named(path):
                _sync(_beside(path, suffix), os.O_RDONLY)
        for directory in directories:
            with _named(directory):
                _sync(directory, os.O_RDONLY | os.O_DIRECTORY)

    def place(self, path: Path, suffix: str) -> None:
        with _named(path):
            os.replace(_beside(path, suffix), _written(path))

    def unstage(self, path: Path, suffix: str) -> None:
        with _named(path):
            _beside(path, suffix).unlink(missing_ok=True)

    def link(self, path: Path, to: str) -> None:
        with _named(path):
            path.symlink_to(to)

    def remove(self, path: Path) -> None:
        with _named(path):
            path.unlink()

    def remove_directory(self, path: Path) -> bool:
        with _named(path):
            try:
                path.rmdir()
            except (FileNotFoundError, NotADirectoryError):
                return False
            except OSError as error:
                if error.errno not in _STAYS:
                    raise
                return False
            return True

    def walk(self, path: Path, without: frozenset[str]) -> list[Path]:
        with _named(path):
            if not path.is_dir():
                return [path] if path.is_file() else []
            found = []
            for top, directories, files in os.walk(path):
                directories[:] = sorted(set(directories) - without)
                found += [Path(top, name) for name in sorted(set(files) - without)]
            return [each for each in found if each.is_file()]


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Say of which file an error of the system is, and what it means."""
    try:
        yield
    except OSError as error:
        code, meaning = _CODES.get(error.errno or 0, ("sync_failed", error.strerror or str(error)))
        raise _refused(path, code, meaning) from error


def _refused(path: Path, code: str, meaning: str) -> SyncError:
    hint = "nothing was changed; put it right, and sync again"
    return SyncError(f"{path}: {meaning}", code=code, path=str(path), hint=hint)


def _written(path: Path) -> Path:
    """Return the file that is written: of a symbolic link its target."""
    return Path(os.path.realpath(path)) if os.path.islink(path) else path


def _beside(path: Path, suffix: str) -> Path:
    real = _written(path)
    return real.with_name(f".{real.name[:100]}{suffix}")


def _become(fd: int, state: FileState) -> None:
    mine = os.fstat(fd)
    if state.owner is not None and state.owner != (mine.st_uid, mine.st_gid):
        os.fchown(fd, *state.owner)
    os.fchmod(fd, state.mode)


def _sync(path: Path, flags: int) -> None:
    fd = os.open(path, flags | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _sync_file_system(directory: Path) -> None:
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if ctypes.CDLL(None, use_errno=True).syncfs(fd) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(directory))
    finally:
        os.close(fd)
