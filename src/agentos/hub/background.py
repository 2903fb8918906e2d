"""Work that goes on beside something, and ends with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeVar

Held = TypeVar("Held")


@asynccontextmanager
async def background(*work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run coroutines for as long as this lasts.

    Unlike a task group it leaves an error of what it is beside as it is, for whoever shows it.

    Raises:
        Exception: Of the first of the coroutines that failed, at the end.
    """
    tasks = [asyncio.create_task(each) for each in work]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    for task in tasks:
        if not task.cancelled():
            task.result()


@asynccontextmanager
async def held(context: AbstractAsyncContextManager[Held]) -> AsyncIterator[Held]:
    """Enter and leave a context in one task, whichever tasks begin and end this.

    Task groups insist on it, and a session is closed by whoever wants to.
    """
    entered: asyncio.Future[Held] = asyncio.get_running_loop().create_future()
    leave = asyncio.Event()

    async def hold() -> None:
        async with context as value:
            entered.set_result(value)
            await leave.wait()

    holding = asyncio.create_task(hold())
    try:
        either: set[asyncio.Future[Any]] = {holding, entered}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not entered.done():
            entered.cancel()
            holding.result()
        yield entered.result()
    finally:
        leave.set()
        if not entered.done():
            holding.cancel()
        await asyncio.wait({holding})
    holding.result()
