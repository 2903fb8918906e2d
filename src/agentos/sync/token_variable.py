"""`AGENTOS_TOKEN`, for clients that ask the hub over HTTP: in shells, and for a desktop's programs.

Shells read the token's own file each time they start, so what they have is never old. systemd
cannot do that: its file holds a copy, which is written anew when the token changes.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, get_args

from agentos.config import user_home
from agentos.errors import ConfigInvalid
from agentos.home.replacing import replace_file

VARIABLE = "AGENTOS_TOKEN"
Shell = Literal["sh", "fish", "powershell"]
SHELLS: tuple[Shell, ...] = get_args(Shell)
_SUFFIX: dict[Shell, str] = {"sh": "sh", "fish": "fish", "powershell": "ps1"}


def shell_of(env: Mapping[str, str]) -> Shell:
    """Tell which kind of shell the user has; `sh` stands for all of its family."""
    name = Path(env.get("SHELL", "")).name
    if name == "fish":
        return "fish"
    return "powershell" if name in ("pwsh", "powershell") or "PSModulePath" in env else "sh"


def export_line(token: str, shell: Shell) -> str:
    """Return the line that sets the variable in a shell, for this and what it starts."""
    match shell:
        case "sh":
            return f"export {VARIABLE}={shlex.quote(token)}"
        case "fish":
            return f"set -gx {VARIABLE} {_fish(token)}"
        case "powershell":
            return f"$env:{VARIABLE} = {_powershell(token)}"


def sourced_text(token_file: Path, shell: Shell) -> str:
    """Return what a shell's start-up file sources: it reads the token, and does not hold it."""
    path = str(token_file)
    match shell:
        case "sh":
            file = shlex.quote(path)
            return f"if [ -r {file} ]; then\n  {VARIABLE}=$(cat {file})\n  export {VARIABLE}\nfi\n"
        case "fish":
            file = _fish(path)
            return f"if test -r {file}\n  set -gx {VARIABLE} (cat {file})\nend\n"
        case "powershell":
            file = _powershell(path)
            value = f"(Get-Content -Raw {file}).Trim()"
            return f"if (Test-Path {file}) {{ $env:{VARIABLE} = {value} }}\n"


def write_sourced(state: Path, shell: Shell) -> Path:
    """Write the file for a shell to source, and return it.

    Args:
        state: The state directory, where the token is.
        shell: Which shell.
    """
    path = state / f"env.{_SUFFIX[shell]}"
    _write(path, sourced_text(state / "token", shell))
    return path


def systemd_file(env: Mapping[str, str]) -> Path:
    """Return the file of the systemd user environment, which desktop programs get."""
    config = env.get("XDG_CONFIG_HOME") or f"{env.get('HOME') or user_home()}/.config"
    return Path(config) / "environment.d" / "60-agentos.conf"


def write_systemd(path: Path, token: str) -> None:
    """Write the token where systemd reads the user's environment; nobody else can read it.

    Raises:
        ConfigInvalid: It cannot be written.
    """
    quoted = token.replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$")
    _write(path, f'{VARIABLE}="{quoted}"\n')


def keep_in_step(token: str, env: Mapping[str, str] = os.environ) -> bool:
    """Write a new token where systemd has the old one; nothing happens if it has none.

    Returns:
        Whether there was one.
    """
    path = systemd_file(env)
    if not path.is_file():
        return False
    write_systemd(path, token)
    return True


def remove(state: Path, env: Mapping[str, str]) -> list[Path]:
    """Remove what was written, and return it."""
    places = [state / f"env.{suffix}" for suffix in _SUFFIX.values()] + [systemd_file(env)]
    there = [path for path in places if path.is_file()]
    for path in there:
        path.unlink()
    return there


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_file(path, text.encode(), private=True)
    except OSError as error:
        raise ConfigInvalid(
            f"{path} cannot be written: {error.strerror}", hint="it has to be yours"
        ) from error


def _fish(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _powershell(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
