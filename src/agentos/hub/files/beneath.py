"""Open what is beneath a directory, and nothing else, whatever links and other processes do.

Two ways with the same outcome. `openat2` lets Linux resolve a whole path in one call that cannot
leave the directory. The walk opens one name after the other without following links, and
resolves each link itself; it runs everywhere that has `openat`, knows the real path of what it
opened, and allows absolute links that lead back inside.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field

_OPENAT2 = 437  # on every architecture that Python runs on but Alpha
_RESOLVE_NO_MAGICLINKS = 0x02
_RESOLVE_BENEATH = 0x08
_MOST_LINKS = 40  # as Linux has it
_DEEPEST = 256  # each directory on the way is held open
_TRIES = 64

# Windows lacks these: there the module can be imported, but nothing be opened by it.
_NOFOLLOW: int = getattr(os, "O_NOFOLLOW", 0)
_CLOEXEC: int = getattr(os, "O_CLOEXEC", 0)
DIRECTORY: int = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | _CLOEXEC
#: Never waits for the other end of a pipe.
FILE: int = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | _CLOEXEC


class _How(ctypes.Structure):
    _fields_ = (
        ("flags", ctypes.c_uint64),
        ("mode", ctypes.c_uint64),
        ("resolve", ctypes.c_uint64),
    )


@functools.cache
def has_openat2() -> bool:
    """Whether this kernel has `openat2` and lets this process use it."""
    try:
        os.close(_openat2(None, b".", DIRECTORY))
    except OSError:
        return False
    return True


@functools.cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _openat2(directory: int | None, path: bytes, flags: int) -> int:
    if sys.platform != "linux":
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    how = _How(flags | _CLOEXEC, 0, _RESOLVE_BENEATH | _RESOLVE_NO_MAGICLINKS)
    at = -100 if directory is None else directory
    fd = _libc().syscall(
        ctypes.c_long(_OPENAT2),
        ctypes.c_int(at),
        ctypes.c_char_p(path),
        ctypes.byref(how),
        ctypes.c_size_t(ctypes.sizeof(how)),
    )
    if fd < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), os.fsdecode(path))
    return int(fd)


def open_at_once(root: int, parts: tuple[str, ...], flags: int) -> int:
    """Open a path beneath a directory with `openat2`.

    Raises:
        OSError: As `open` does; `EXDEV` if the path leads out, or through an absolute link.
    """
    path = os.fsencode("/".join(parts) or ".")
    for _ in range(_TRIES):
        try:
            return _openat2(root, path, flags)
        except OSError as error:
            if error.errno != errno.EAGAIN:  # a directory on the way was just moved
                raise
    raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), os.fsdecode(path))


@dataclass
class _Walk:
    """Where a walk stands: the directories it holds open, and what is still ahead."""

    root: int
    root_path: str
    ahead: list[str]
    held: list[int] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    links: int = 0

    @property
    def here(self) -> int:
        return self.held[-1] if self.held else self.root

    def enter(self, name: str) -> None:
        if len(self.held) == _DEEPEST:
            raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
        self.held.append(os.open(name, DIRECTORY | _NOFOLLOW, dir_fd=self.here))
        self.names.append(name)

    def leave(self) -> None:
        if not self.held:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        os.close(self.held.pop())
        self.names.pop()

    def restart(self) -> None:
        while self.held:
            self.leave()

    def follow(self, name: str) -> bool:
        """Put what a link says ahead; False if the name is no link."""
        try:
            target = os.readlink(name, dir_fd=self.here)
        except OSError as error:
            if error.errno == errno.EINVAL:
                return False
            raise
        self.links += 1
        if self.links > _MOST_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        if target.startswith("/"):
            within = _within(self.root_path, target)
            if within is None:
                raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
            self.restart()
            target = within
        names = [part for part in target.split("/") if part not in ("", ".")]
        self.ahead[:0] = names
        return True


def _within(root: str, target: str) -> str | None:
    if root == "/":
        return target
    return target[len(root) :] if target == root or target.startswith(root + "/") else None


@dataclass(frozen=True)
class Parent:
    """An open directory, which whoever got it closes, and a name in it that is no link.

    Attributes:
        fd: The directory.
        name: The name in it; empty if the directory itself is meant.
        parts: The real path of the name from the root.
    """

    fd: int
    name: str
    parts: tuple[str, ...]


def find_parent(
    root: int,
    root_path: str,
    parts: tuple[str, ...],
    *,
    make: Callable[[tuple[str, ...]], None] | None = None,
) -> Parent:
    """Walk to the directory that holds what a path leads to, links resolved.

    Args:
        root: The directory that is not left.
        root_path: Its absolute path, for absolute links that lead back inside.
        parts: The path from there.
        make: Make directories that are missing; it is told the real path of each before, and
            may raise.

    Raises:
        OSError: As `open` does; `EXDEV` if the path leads out.
    """
    walk = _Walk(root, root_path, list(parts))
    try:
        last = ""
        while walk.ahead:
            last = ""
            name = walk.ahead.pop(0)
            if name == "..":
                walk.leave()
            elif walk.ahead:
                _step(walk, name, make)
            elif not _is_link(walk, name):
                last = name
        return Parent(os.dup(walk.here), last, (*walk.names, *((last,) if last else ())))
    finally:
        walk.restart()


def _step(walk: _Walk, name: str, make: Callable[[tuple[str, ...]], None] | None) -> None:
    try:
        walk.enter(name)
    except FileNotFoundError:
        if make is None:
            raise
        make((*walk.names, name))
        try:
            os.mkdir(name, dir_fd=walk.here)
        except FileExistsError:
            pass  # another process was faster, or it is a link that dangles: the next try tells
        walk.enter(name)
    except OSError as error:
        if error.errno not in (errno.ENOTDIR, errno.ELOOP, errno.EMLINK) or not walk.follow(name):
            raise


def _is_link(walk: _Walk, name: str) -> bool:
    try:
        return walk.follow(name)
    except FileNotFoundError:
        return False  # a name that is to be made


def open_by_walk(
    root: int, root_path: str, parts: tuple[str, ...], flags: int
) -> tuple[int, tuple[str, ...]]:
    """Open a path beneath a directory one name after the other.

    Returns:
        The descriptor, and the real path from the root.

    Raises:
        OSError: As `open` does; `EXDEV` if the path leads out.
    """
    for _ in range(_TRIES):
        parent = find_parent(root, root_path, parts)
        try:
            fd = os.open(parent.name or ".", flags | _NOFOLLOW, dir_fd=parent.fd)
        except OSError as error:
            if error.errno not in (errno.ELOOP, errno.EMLINK):  # it became a link just now
                raise
        else:
            return fd, parent.parts
        finally:
            os.close(parent.fd)
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
