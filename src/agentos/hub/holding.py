"""A context that a task of its own holds, whoever asks for its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Generic, TypeVar

Held = TypeVar("Held")


class EndedEarly(Exception):
    """A context was told to end before it was entered."""


class Holding(Generic[Held]):
    """Enter a context in a task, which leaves it when it is told to.

    Task groups insist on being left by the task that entered them, but a session that one request
    begins is ended by another one, or by the hub's own end.

    Args:
        context: What to hold.
        name: Of the task.
    """

    def __init__(self, context: AbstractAsyncContextManager[Held], name: str | None = None) -> None:
        self._entered: asyncio.Future[Held] = asyncio.get_running_loop().create_future()
        self._leave = asyncio.Event()
        self._task = asyncio.create_task(self._hold(context), name=name)
        self._task.add_done_callback(_heard)

    async def entered(self) -> Held:
        """Wait until it is entered.

        Raises:
            EndedEarly: It was told to end first.
            Exception: It could not be.
        """
        either: set[asyncio.Future[Any]] = {self._task, self._entered}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if self._entered.done():
            return self._entered.result()
        if not self._task.cancelled():
            self._task.result()
        raise EndedEarly

    async def end(self) -> BaseException | None:
        """Leave it, and wait until that is done; safe to repeat.

        Returns:
            The error with which it ended, if there was one.
        """
        self._leave.set()
        if not self._entered.done():
            self._task.cancel()
        await asyncio.wait({self._task})
        return None if self._task.cancelled() else self._task.exception()

    async def _hold(self, context: AbstractAsyncContextManager[Held]) -> None:
        async with context as value:
            self._entered.set_result(value)
            await self._leave.wait()


@asynccontextmanager
async def held(context: AbstractAsyncContextManager[Held]) -> AsyncIterator[Held]:
    """Enter and leave a context in one task, whichever tasks begin and end this."""
    holding = Holding(context)
    try:
        yield await holding.entered()
    finally:
        error = await holding.end()
    if error is not None:
        raise error


def _heard(task: asyncio.Task[None]) -> None:
    """An error is told by `entered` or `end`; asyncio need not complain that nobody asked."""
    if not task.cancelled():
        task.exception()
