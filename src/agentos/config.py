"""Where AgentOS keeps its things.

Three directories, each with a variable that moves it, so that tests and
several setups can live side by side.
"""

from __future__ import annotations

import os
from pathlib import Path


def home_dir() -> Path:
    """The user's own AgentOS repository: `$AGENTOS_HOME`, by default `~/AgentOS`."""
    return _place("AGENTOS_HOME") or Path.home() / "AgentOS"


def data_dir() -> Path:
    """Stores, images and software: `$AGENTOS_DATA_DIR`, by default the platform's place."""
    chosen = _place("AGENTOS_DATA_DIR")
    if chosen:
        return chosen
    from platformdirs import user_data_path

    return user_data_path("agentos")


def state_dir() -> Path:
    """Token, port, sockets and logs: `$AGENTOS_STATE_DIR`, by default `~/.agentos`."""
    return _place("AGENTOS_STATE_DIR") or Path.home() / ".agentos"


def _place(variable: str) -> Path | None:
    value = os.environ.get(variable)
    if not value or value.startswith("/"):  # every machine asks: the short way
        return Path(value) if value else None
    return Path(value).expanduser().absolute()
