"""Awaiting what must not be left half done."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def to_the_end(work: Coroutine[Any, Any, T]) -> T:
    """Await something to its end, also when this is cancelled meanwhile, and then say so.

    A statement of SQLite runs in a thread, which nothing stops: whoever does not wait for it
    leaves a transaction open, and the lock with it.

    Raises:
        CancelledError: This was cancelled; the work has ended all the same.
    """
    running = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not running.done():
        try:
            await asyncio.wait((running,))
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None and not running.cancelled():
        running.exception()  # it is seen, and the cancellation is what counts
        raise cancelled
    return running.result()
