"""Files that hold secrets: read only while nobody else can, replaced as a whole."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agentos.errors import AgentOsError, ConfigInvalid
from agentos.home.replacing import create_file, replace_file

Mark = tuple[int, int, int, int, int]


def mark_of(path: Path) -> Mark | None:
    """Return what changes when a file is written, replaced or opened to others; None without it."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size, found.st_mode, found.st_uid


def make_private_directory(path: Path) -> None:
    """Have a directory in which nobody else can replace files.

    Raises:
        ConfigInvalid: It is there, and others can write to it, or it belongs to somebody else.
    """
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = path.stat()
    if os.name != "posix":
        return
    if found.st_uid != os.geteuid():
        raise ConfigInvalid(
            f"{path} belongs to uid {found.st_uid}, not to you (uid {os.geteuid()})",
            code="state_unsafe",
            hint="set AGENTOS_STATE_DIR to a directory of your own",
        )
    if found.st_mode & 0o022:
        raise ConfigInvalid(
            f"others can write to {path} (mode {stat.S_IMODE(found.st_mode):04o})",
            code="state_unsafe",
            hint=f"chmod 700 {path}",
        )


def read_private(path: Path) -> str:
    """Read a file that only its owner can.

    Raises:
        FileNotFoundError: There is none.
        ConfigInvalid: Others can read it, or it belongs to somebody else.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        raise _unsafe(path, "is a symbolic link", f"put the file itself at {path}") from error
    with os.fdopen(descriptor, encoding="utf-8", errors="replace") as file:
        _require_private(path, os.fstat(descriptor))
        return file.read()


def _require_private(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise _unsafe(path, "is not a file", "move it away")
    if os.name != "posix":
        return
    if found.st_uid != os.geteuid():
        whose = f"belongs to uid {found.st_uid}, not to you (uid {os.geteuid()})"
        raise _unsafe(path, whose, "move it away: a new one is made at the next start")
    if found.st_mode & 0o077:
        mode = f"can be read by others (mode {stat.S_IMODE(found.st_mode):04o})"
        hint = f"chmod 600 {path}, then `agentos token rotate`: who could read it may have done so"
        raise _unsafe(path, mode, hint)


def _unsafe(path: Path, what: str, hint: str) -> ConfigInvalid:
    return ConfigInvalid(f"{path} {what}", code="token_file_unsafe", hint=hint)


def create_private(path: Path, text: str) -> bool:
    """Make a private file, complete from the first moment it is there.

    Returns:
        False if there is one already, which is left alone.
    """

    try:
        with _space_for(path):
            create_file(path, text.encode(), mode=0o600)
    except FileExistsError:
        return False
    return True


def replace_private(path: Path, text: str) -> None:
    """Write a private file as a whole; after a crash there is the old one or the new one."""
    with _space_for(path):
        replace_file(path, text.encode(), follow=False, private=True)


@contextmanager
def _space_for(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise AgentOsError(
            f"no space is left for {path}",
            code="disk_full",
            hint=f"free some space in {path.parent}; what was there before is kept",
            retryable=True,
        ) from error
