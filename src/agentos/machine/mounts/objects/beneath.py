"""Files and directories opened beneath one that a machine writes.

The machine may put links there at any moment: none is followed, and what is opened to be read is a
directory or a regular file.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


@contextmanager
def opened_directory(top: Path, path: str) -> Iterator[int]:
    """Open a directory beneath another, or that itself with an empty path.

    Raises:
        OSError: It is no directory by now, or cannot be read.
    """
    fd = os.open(top, _DIRECTORY)
    try:
        for name in path.split("/") if path else ():
            below = os.open(name, _DIRECTORY, dir_fd=fd)
            os.close(fd)
            fd = below
        yield fd
    finally:
        os.close(fd)


@contextmanager
def opened_file(name: str, directory: int) -> Iterator[int]:
    """Open a regular file in a directory.

    Raises:
        OSError: It is something else by now, or cannot be read.
    """
    fd = os.open(name, _FILE, dir_fd=directory)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise FileNotFoundError(f"{name} is no regular file any more")
        yield fd
    finally:
        os.close(fd)
