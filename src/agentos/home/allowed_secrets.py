"""What the owner of an AgentOS home has looked at and lets pass."""

from __future__ import annotations

from pathlib import Path

from agentos.home.reading import read_text
from agentos.secret_scan import ALLOW_FILE, AllowList

_MOST_BYTES = 1_000_000


def allowed_secrets(home: Path) -> AllowList:
    """Return the allow list of a home; an empty one if it has none.

    Raises:
        ConfigInvalid: It cannot be read.
    """
    try:
        return AllowList.parse(read_text(home / ALLOW_FILE, _MOST_BYTES))
    except FileNotFoundError:
        return AllowList()
