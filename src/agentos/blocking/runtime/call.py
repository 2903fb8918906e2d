"""A coroutine on its way through an event loop, and the thread that waits for its end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

from agentos.errors import AgentOsError

T = TypeVar("T")
#: Seconds after which a thread that waits looks whether a signal came just before it began to,
#: for which nothing wakes it.
_LOOK_UP = 0.25


class Call(Generic[T]):
    """One call from a thread into an event loop.

    The future of `asyncio.run_coroutine_threadsafe` is over as soon as it is cancelled; this is
    over when the coroutine is, with its clean-up.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, T]) -> None:
        self._loop = loop
        self._coroutine = coroutine
        self._task: asyncio.Task[T] | None = None
        self._over = False
        self._running = threading.Lock()
        self._running.acquire()

    def begin(self) -> None:
        """Start the coroutine; called on the loop, in the context of the caller."""
        self._task = self._loop.create_task(self._coroutine)
        self._task.add_done_callback(self._end)

    def _end(self, _: asyncio.Task[T]) -> None:
        self._over = True
        self._running.release()

    def when_over(self, function: Callable[[], object]) -> None:
        """Have a function called at the end; called on the loop, after `begin`."""
        assert self._task is not None
        self._task.add_done_callback(lambda _: function())

    def cancel(self) -> None:
        """Cancel the coroutine; called on the loop."""
        if self._task is None:
            self.begin()  # its caller was interrupted before it was submitted
        assert self._task is not None
        self._task.cancel()

    def wait(self) -> None:
        """Wait for the end of the coroutine."""
        while not self._over:  # and not the lock itself: it may be had and then be interrupted
            self._running.acquire(timeout=_LOOK_UP)

    def result(self) -> T:
        """Return what came of the coroutine, or raise its error."""
        assert self._task is not None
        if self._task.cancelled():
            raise AgentOsError(
                "the call was cancelled, as its event loop ended",
                code="event_loop_ended",
                hint="end the threads that use agentos.blocking before the program exits",
            )
        return self._task.result()
