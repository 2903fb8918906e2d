"""The event loop in a thread of its own that the blocking classes call into."""

from __future__ import annotations

import asyncio
import atexit
import os
import select
import selectors
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from agentos.blocking.runtime.call import Call
from agentos.errors import AgentOsError

T = TypeVar("T")


class Portal:
    """An event loop that runs in a thread of its own until `end`."""

    def __init__(self) -> None:
        self._selector = selectors.EpollSelector()
        self._submitting = threading.RLock()
        self._ended = False
        self._over = asyncio.Event()
        self._closing: set[Call[None]] = set()
        self._loop = asyncio.SelectorEventLoop(self._selector)
        self._thread = threading.Thread(target=self._serve, name="agentos.blocking", daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            while not self._over.is_set():
                try:
                    runner.run(self._until_over())
                except (KeyboardInterrupt, SystemExit):
                    continue  # it came out of a task, whose caller is told

    async def _until_over(self) -> None:
        await self._over.wait()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the loop and wait for its end.

        What interrupts the wait, such as Ctrl-C, cancels the coroutine and is raised once that
        has cleaned up; a second interruption does not wait for this.

        Raises:
            AgentOsError: Called where an event loop runs (`inside_event_loop`), or the loop has
                ended (`event_loop_ended`).
        """
        call = Call(self._loop, coroutine)
        try:
            self._submit(call)
            call.wait()
        except AgentOsError:
            coroutine.close()
            raise
        except BaseException:  # Ctrl-C, or whatever else a signal's handler raises
            if self.soon(call.cancel):
                call.wait()
            raise
        return call.result()

    def _submit(self, call: Call[Any]) -> None:
        refuse_inside_event_loop()
        with self._submitting:
            self._require_open()
            self._loop.call_soon_threadsafe(call.begin)

    def call(self, function: Callable[[], T]) -> T:
        """Call a function on the loop, where nothing else of AgentOS runs meanwhile."""

        async def called() -> T:
            return function()

        return self.run(called())

    def finish(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine that closes something that may be freed anywhere.

        Inside an event loop, where no destructor may wait, it is only started; if this loop has
        ended, nothing is left to close.
        """
        if self._ended:
            coroutine.close()
        elif inside_event_loop():
            call = Call(self._loop, coroutine)
            self._closing.add(call)
            self.soon(call.begin)
            self.soon(lambda: call.when_over(lambda: self._closing.discard(call)))
        else:
            self.run(coroutine)

    def soon(self, function: Callable[[], object]) -> bool:
        """Have a function called on the loop, from any thread; False if the loop has ended."""
        with self._submitting:
            if not self._ended:
                self._loop.call_soon_threadsafe(function)
            return not self._ended

    def _require_open(self) -> None:
        if self._ended:
            raise AgentOsError(
                "the event loop that this belongs to has ended",
                code="event_loop_ended",
                hint="make a new one: nothing outlives `shutdown`, or is shared with a fork",
            )

    def end(self) -> None:
        """Cancel what runs, and end the thread."""
        with self._submitting:
            if self._ended:
                return
            self._ended = True
            self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()

    def forget(self) -> None:
        """In the child of a fork: let go of the parent's loop, whose thread is not here.

        Both processes share the parent's epoll instance. Whatever is still to be unregistered
        here, when objects are freed, goes to an empty one.
        """
        self._submitting = threading.RLock()
        self._ended = True
        with select.epoll() as empty:
            os.dup2(empty.fileno(), self._selector.fileno(), inheritable=False)


_portal: Portal | None = None
_forgotten: list[Portal] = []
_changing = threading.RLock()


def portal() -> Portal:
    """Return the portal of this process; the first call starts it."""
    global _portal
    refuse_inside_event_loop()
    with _changing:
        if _portal is None:
            _portal = Portal()
        return _portal


def shutdown() -> None:
    """End the event loop of the blocking classes and its thread; the next use starts another.

    It happens by itself when the program exits. Close machines first: whatever belongs to the
    loop cannot be used any more, and calls of other threads that still wait raise an error.
    """
    global _portal
    with _changing:
        ending, _portal = _portal, None
    if ending is not None:
        ending.end()


def refuse_inside_event_loop() -> None:
    """Raise an error where an event loop runs: to block it would stop all else on it.

    Raises:
        AgentOsError: (`inside_event_loop`) One runs.
    """
    if inside_event_loop():
        raise AgentOsError(
            "agentos.blocking was called inside a running event loop, which it would stop",
            code="inside_event_loop",
            hint="use agentos itself there: `from agentos import AgentOs`, and `await`",
        )


def inside_event_loop() -> bool:
    """Tell whether an event loop runs in this thread."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _after_fork() -> None:
    global _portal, _changing
    _changing = threading.RLock()
    forgotten, _portal = _portal, None
    if forgotten is not None:
        forgotten.forget()
        _forgotten.append(forgotten)  # to free its loop would be to close what the parent uses


os.register_at_fork(after_in_child=_after_fork)
atexit.register(shutdown)
