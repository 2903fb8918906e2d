"""Where the settings are, and what the file says."""

from __future__ import annotations

from pathlib import Path

from agentos.config import home_dir
from agentos.errors import ConfigInvalid

FILE = "agentos.toml"


def settings_file() -> Path:
    """Return where the settings are: `agentos.toml` in the AgentOS home."""
    return home_dir() / FILE


def read_text(path: Path) -> str:
    """Return what the file says, nothing if it is not there; line ends are as they are.

    Raises:
        ConfigInvalid: It cannot be read, or is not UTF-8.
    """
    try:
        text = path.read_bytes().decode()
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ConfigInvalid(
            f"{path}:{line}: this is not UTF-8", hint="save the file as UTF-8"
        ) from error
    except OSError as error:
        raise ConfigInvalid(
            f"{path} cannot be read: {error.strerror}", hint="it has to be a file of yours"
        ) from error
    if text.startswith("\ufeff"):
        raise ConfigInvalid(
            f"{path}:1:1: there is a byte order mark", hint="save the file as UTF-8 without one"
        )
    return text
