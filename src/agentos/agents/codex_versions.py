"""Which versions of Codex the sessions are tested with."""

from __future__ import annotations

import re

#: The oldest and the newest; 0.166.0 refuses a turn with a provider that came with its thread.
TESTED = ("0.169.0", "0.169.0")


def versions_tested() -> str:
    """Name the range for people."""
    oldest, newest = TESTED
    return newest if oldest == newest else f"{oldest} to {newest}"


def is_older(version: str) -> bool:
    """Tell whether a version is older than the tested ones; a build without a number is not."""
    return (0, 0, 0) < _numbers(version) < _numbers(TESTED[0])


def _numbers(version: str) -> tuple[int, ...]:
    found = re.match(r"(\d+)\.(\d+)\.(\d+)", version)
    return tuple(map(int, found.groups())) if found else (0, 0, 0)
