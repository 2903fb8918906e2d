"""Which process drives a session, so that others can tell whether it still does."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from typing import Any

from agentos.process_birth import birth_of


def this_process() -> dict[str, Any]:
    """Name this process as no other one is named."""
    pid = os.getpid()
    return {"host": socket.gethostname(), "pid": pid, "birth": birth_of(pid)}


def drives(settings: Mapping[str, Any]) -> bool:
    """Tell whether another process of this host drives the session of these settings."""
    driver = settings.get("driver", {})
    pid = driver.get("pid")
    if driver.get("host") != socket.gethostname() or pid in (None, os.getpid()):
        return False
    return driver.get("birth") is not None and birth_of(pid) == driver["birth"]
