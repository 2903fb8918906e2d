"""What no tree reads or writes."""

from __future__ import annotations

import os
import stat

from agentos.errors import FileRefused
from agentos.hub.files.names import is_git_directory


def check_regular(status: os.stat_result, shown: str) -> None:
    """Refuse what is not a regular file.

    Raises:
        FileRefused: It is so.
    """
    if stat.S_ISDIR(status.st_mode):
        raise FileRefused(f"{shown!r} is a directory", code="is_a_directory", path=shown)
    if not stat.S_ISREG(status.st_mode):
        raise FileRefused(f"{shown!r} is a pipe, socket or device", code="not_a_file", path=shown)


def check_not_git(parts: tuple[str, ...], shown: str) -> None:
    """Refuse what lies in `.git`, however it is written.

    Raises:
        FileRefused: It does.
    """
    if any(is_git_directory(part) for part in parts):
        raise FileRefused(
            f"{shown!r} lies in .git, whose hooks and configuration run programs",
            code="path_protected",
            path=shown,
            hint="use git itself",
        )
