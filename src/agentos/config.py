"""Where AgentOS keeps its things.

Three directories, each with a variable that moves it, so that tests and
several setups can live side by side.
"""

from __future__ import annotations

import os
from pathlib import Path

from agentos.errors import ConfigInvalid


def home_dir() -> Path:
    """The user's own AgentOS repository: `$AGENTOS_HOME`, by default `~/AgentOS`."""
    return _place("AGENTOS_HOME") or user_home() / "AgentOS"


def data_dir() -> Path:
    """Stores, images and software: `$AGENTOS_DATA_DIR`, by default the platform's place."""
    chosen = _place("AGENTOS_DATA_DIR")
    if chosen:
        return chosen
    from platformdirs import user_data_path

    try:
        return user_data_path("agentos")
    except RuntimeError as error:
        raise _homeless() from error


def state_dir() -> Path:
    """Token, port, sockets and logs: `$AGENTOS_STATE_DIR`, by default `~/.agentos`."""
    return _place("AGENTOS_STATE_DIR") or user_home() / ".agentos"


def _place(variable: str) -> Path | None:
    value = os.environ.get(variable)
    if not value or value.startswith("/"):  # every machine asks: the short way
        return Path(value) if value else None
    return expanded(value).absolute()


def expanded(path: str | Path) -> Path:
    """Put the home directory in the place of a `~`.

    Raises:
        ConfigInvalid: It is in the home of nobody.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise ConfigInvalid(
            f"{str(path)!r} is in the home of a user that there is not",
            hint="write ~/... for your own, or a whole path",
        ) from error


def user_home() -> Path:
    """The user's home directory.

    Raises:
        ConfigInvalid: Nobody says where it is.
    """
    try:
        return Path.home()
    except RuntimeError as error:
        raise _homeless() from error


def _homeless() -> ConfigInvalid:
    return ConfigInvalid(
        f"user {os.getuid()} has no home directory: HOME is not set, and /etc/passwd has no entry",
        code="home_unknown",
        hint="set HOME, or AGENTOS_HOME, AGENTOS_STATE_DIR and AGENTOS_DATA_DIR",
    )
