"""What a file of a machine was when it was the same as its object."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

from agentos.machine.mounts.objects.store import Version

#: How young a file may be, in nanoseconds, for its times to tell of every later change.
_TICK = 100_000_000


@dataclass(frozen=True, slots=True)
class Base:
    """What a file was when it was the same as its object.

    Attributes:
        version: The object.
        executable: Whether it was a program.
        mark: What changes when the file does; None if only its content can tell.
    """

    version: Version
    executable: bool
    mark: tuple[int, ...] | None = None


def mark_of(status: os.stat_result) -> tuple[int, ...]:
    """Return what changes when a file does."""
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_mode


def sure_mark_of(status: os.stat_result) -> tuple[int, ...] | None:
    """Return what changes when a file does; None if it is so young that it may not."""
    young = time.time_ns() - max(status.st_ctime_ns, status.st_mtime_ns) < _TICK
    return None if young else mark_of(status)
