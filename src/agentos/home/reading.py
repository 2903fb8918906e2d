"""Read a regular file, of a bounded size, and nothing else: no pipe, no device, no endless file."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from agentos.errors import ConfigInvalid

_OPEN = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


def read_bytes(path: Path, most: int) -> tuple[bytes, os.stat_result]:
    """Return a file's content, and what the file is.

    Args:
        path: The file, or a link to it.
        most: How many bytes it may have.

    Raises:
        FileNotFoundError: There is none.
        ConfigInvalid: It is no regular file, cannot be read, or is larger.
    """
    try:
        fd = os.open(path, _OPEN)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ConfigInvalid(
            f"{path} cannot be read: {error.strerror}", hint="put a plain file of yours there"
        ) from error
    with open(fd, "rb") as file:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            raise ConfigInvalid(f"{path} is no regular file", hint="put a plain file there")
        content = file.read(most + 1)
    if len(content) > most:
        raise ConfigInvalid(
            f"{path} is larger than {most:,} bytes", hint="make it shorter, or move it away"
        )
    return content, found


def read_text(path: Path, most: int) -> str:
    """Return a text file's content; a byte order mark is left out, line ends stay as they are.

    Raises:
        FileNotFoundError: There is none.
        ConfigInvalid: As of `read_bytes`, or it is not UTF-8; names the line.
    """
    return decoded(path, read_bytes(path, most)[0])


def decoded(path: Path, content: bytes) -> str:
    """Return the text that a file's content is, without a byte order mark.

    Raises:
        ConfigInvalid: It is not UTF-8; names the line.
    """
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ConfigInvalid(
            f"{path}:{line}: this is not UTF-8", hint="save the file as UTF-8"
        ) from error
