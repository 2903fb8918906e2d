"""Many small jobs on one machine, a bounded number of them under way at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable

_AT_ONCE = 32

Job = Callable[[], Awaitable[None]]


async def side_by_side(jobs: Iterable[Job]) -> None:
    """Run jobs so that the machine need not wait for the host between them.

    Args:
        jobs: What to do; the first error ends them all.
    """
    pending = iter(jobs)

    async def work() -> None:
        for job in pending:
            await job()

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(_AT_ONCE):
                group.create_task(work())
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
