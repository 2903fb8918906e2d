"""Have a program end with the process that started it, even one that is killed outright."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path


def ending_with_parent(
    command: Sequence[str], *, cwd: Path, env: Mapping[str, str]
) -> Sequence[str]:
    """Return a command for the same program that is told to end when its parent has died.

    `setpriv` of util-linux asks the kernel for it and then becomes the program: its process id,
    its files and its exit code are the program's. SIGTERM is what it gets, so that git removes its
    locks and npm ends what it has started. Where there is no `setpriv`, the command is as it was.

    Args:
        command: The program and its arguments.
        cwd, env: What it will be started with.
    """
    setpriv = _setpriv()
    if setpriv is None or not _is_there(command[0], cwd, env):
        return command  # whoever starts it is told, as ever, that it is not there
    return [setpriv, "--pdeathsig", "TERM", "--", *command]


@cache
def _setpriv() -> str | None:
    return shutil.which("setpriv")


def _is_there(program: str, cwd: Path, env: Mapping[str, str]) -> bool:
    if os.sep in program:
        path = cwd / program
        return path.is_file() and os.access(path, os.X_OK)
    return shutil.which(program, path=env.get("PATH", os.defpath)) is not None
