"""Which version of a client is installed."""

from __future__ import annotations

import os
import re
from pathlib import Path

_VERSION = re.compile(r"\b(\d+)\.(\d+)(?:\.(\d+))?")
_SECONDS = 10.0

Version = tuple[int, int, int]


def ask_version(program: Path, **env: str) -> str | None:
    """Run `PROGRAM --version`.

    Args:
        program: The client's command.
        env: Variables that it gets besides.

    Returns:
        Such as `0.169.0`; None if it does not run, or says nothing like it.
    """
    import subprocess  # which takes longer than reading all that sync reads

    try:
        ran = subprocess.run(
            [str(program), "--version"],
            capture_output=True,
            check=False,
            env={**os.environ, **env},
            errors="replace",
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = _VERSION.search(ran.stdout)
    return found.group() if ran.returncode == 0 and found else None


def parse_version(version: str | None) -> Version | None:
    """Read a version, to be compared with another; None if there is none in it."""
    found = _VERSION.search(version or "")
    if found is None:
        return None
    major, minor, patch = found.groups(default="0")
    return int(major), int(minor), int(patch)
