"""Where the platforms have a user's home, and how Windows and its Linux name each other's files.

All is worked out from the environment and the text of the path; no file is looked at.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath

from agentos.errors import ConfigInvalid

_DRIVE = re.compile(r"/mnt/([a-z])(/.*)?")


def user_home(env: Mapping[str, str]) -> Path:
    """Return the user's home: `HOME`, on Windows `USERPROFILE`.

    Raises:
        ConfigInvalid: The environment does not say.
    """
    home = env.get("HOME") or env.get("USERPROFILE") or _joined(env)
    if not home:
        raise ConfigInvalid(
            "it is not known where your home directory is", hint="set HOME (USERPROFILE on Windows)"
        )
    return Path(home)


def directory_in(env: Mapping[str, str], variable: str, default: str) -> Path:
    """Return a client's directory: what its variable names, else the usual place in the home.

    Args:
        env: The environment.
        variable: As `CODEX_HOME`; empty means unset, and `~` the user's home.
        default: Relative to the home.
    """
    home = user_home(env)
    said = env.get(variable, "").strip()
    if said in ("", "~"):
        return home if said else home / default
    return home / said[2:] if said.startswith(("~/", "~\\")) else home / said


def windows_path(path: str) -> str | None:
    """Name a file of the Windows drives as Windows does; None if Windows does not have it.

    Example:
        `windows_path("/mnt/c/Users/me")` is `C:\\Users\\me`.
    """
    found = _DRIVE.fullmatch(str(PurePosixPath(path)))
    if found is None:
        return None
    drive, rest = found.groups(default="/")
    return str(PureWindowsPath(f"{drive.upper()}:{rest}"))


def linux_path(path: str) -> str | None:
    """Name a file of Windows as the Windows Subsystem for Linux does; None if it is on no drive.

    Example:
        `linux_path("C:\\\\Users\\\\me")` is `/mnt/c/Users/me`.
    """
    windows = PureWindowsPath(path)
    if not re.fullmatch(r"[A-Za-z]:", windows.drive) or not windows.root:
        return None
    return str(PurePosixPath("/mnt", windows.drive[0].lower(), *windows.parts[1:]))


def started_from(
    directory: Path, command: Sequence[str], distribution: str | None
) -> tuple[str, ...]:
    """Return how a client starts a command of ours.

    Args:
        directory: The client's; one on a Windows drive is that of a program of Windows.
        command: The command, as it is started on this side.
        distribution: Of the Windows Subsystem for Linux; None if AgentOS runs on its own system.
    """
    if distribution is None or windows_path(str(directory)) is None:
        return tuple(command)
    return ("wsl.exe", "-d", distribution, "--", *command)


def _joined(env: Mapping[str, str]) -> str:
    drive, path = env.get("HOMEDRIVE", ""), env.get("HOMEPATH", "")
    return f"{drive}{path}" if drive and path else ""
