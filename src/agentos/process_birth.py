"""Which process is meant: an id alone may be another one's by now."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

_STATE, _START = 0, 19  # of the fields of /proc/PID/stat that follow the program's name


def birth_of(pid: int) -> str | None:
    """Return when a process began, as its system tells it; None if it does not run.

    It differs between two processes of the same id, also across a restart of the computer.
    """
    if sys.platform == "linux":
        return _birth_on_linux(pid)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass  # it runs, as somebody else's
    said = subprocess.run(
        ["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return said.stdout.strip() or None


def _birth_on_linux(pid: int) -> str | None:
    try:
        said = Path(f"/proc/{pid}/stat").read_text()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = said.rpartition(")")[2].split()
    return None if fields[_STATE] in "ZX" else f"{boot}:{fields[_START]}"
