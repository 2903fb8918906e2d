"""One sync at a time."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from agentos.errors import SyncError
from agentos.home.replacing import naming


@contextmanager
def lock(path: Path, doing: str) -> Iterator[None]:
    """Keep other syncs away; a process that ends, in whatever way, lets go.

    Args:
        path: The lock's file.
        doing: What others are told: `push`.

    Raises:
        SyncError: Another process holds it; the message says which.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(fd, 200, 0).decode(errors="replace") or "another process"
            raise SyncError(
                f"another sync is under way: {holder}",
                code="locked",
                path=str(path),
                hint="wait until it has ended, and try again",
                retryable=True,
            ) from error
        since = datetime.now().astimezone().isoformat(" ", "seconds")
        os.ftruncate(fd, 0)
        with naming(path):
            os.pwrite(fd, f"{doing}, process {os.getpid()}, since {since}".encode(), 0)
        yield
    finally:
        os.close(fd)
