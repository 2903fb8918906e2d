"""A context that a task of its own holds, whoever asks for its end."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from typing import Any, Generic, TypeVar

Held = TypeVar("Held")


class Holding(Generic[Held]):
    """Enter a context in a task, which leaves it when it is told to.

    Task groups insist on being left by the task that entered them, but a session that one request
    begins is ended by another one, or by the hub's own end.

    Args:
        context: What to hold.
        name: Of the task.
    """

    def __init__(self, context: AbstractAsyncContextManager[Held], name: str) -> None:
        self._entered: asyncio.Future[Held] = asyncio.get_running_loop().create_future()
        self._leave = asyncio.Event()
        self._task = asyncio.create_task(self._hold(context), name=name)
        self._task.add_done_callback(_heard)

    async def entered(self) -> Held:
        """Wait until it is entered.

        Raises:
            Exception: It could not be, or was told to end first (`asyncio.CancelledError`).
        """
        either: set[asyncio.Future[Any]] = {self._task, self._entered}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if self._entered.done():
            return self._entered.result()
        self._task.result()
        raise asyncio.CancelledError

    @property
    def ended(self) -> bool:
        """Whether it has been left."""
        return self._task.done()

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


def _heard(task: asyncio.Task[None]) -> None:
    """An error is told by `entered` or `end`; asyncio need not complain that nobody asked."""
    if not task.cancelled():
        task.exception()
