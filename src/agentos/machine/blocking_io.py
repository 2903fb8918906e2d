"""Reading and writing that may take a while, off the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable
from typing import TypeVar

_T = TypeVar("_T")
_CHUNK = 1024 * 1024


async def in_thread(work: Callable[..., _T], *arguments: object) -> _T:
    """Run blocking work on descriptors in a thread.

    A cancellation waits for its end: the caller closes the descriptors then.
    """
    job = asyncio.get_running_loop().run_in_executor(None, work, *arguments)
    try:
        return await asyncio.shield(job)
    except asyncio.CancelledError:
        while not job.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait({job})
        raise


def read_all(fd: int, offset: int, size: int | None) -> bytes:
    """Return what a descriptor holds from an offset on, at most `size` bytes of it."""
    if offset:
        os.lseek(fd, offset, os.SEEK_SET)
    chunks = []
    left = size
    while left is None or left > 0:
        chunk = os.read(fd, _CHUNK if left is None else min(left, _CHUNK))
        if not chunk:
            break
        chunks.append(chunk)
        left = None if left is None else left - len(chunk)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def write_all(fd: int, data: bytes) -> None:
    """Write all of these bytes."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest) :]
