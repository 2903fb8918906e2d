"""Functions of the caller that the event loop calls: sync ones run in threads.

There they may call blocking verbs, for which the loop has to go on.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import inspect
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

from agentos.blocking.runtime.wrapped import unwrapped

T = TypeVar("T")


def in_thread(given: T) -> T:
    """Turn a sync function into an async one that runs it in a thread, and leave all else.

    Each call has a daemon thread of its own: a function that hangs holds up nobody else, and not
    the end of the program.
    """
    if not _is_sync(given):
        return given
    function = cast("Callable[..., Any]", given)

    async def call(*arguments: Any) -> Any:
        outcome: concurrent.futures.Future[Any] = concurrent.futures.Future()
        context = contextvars.copy_context()
        work = (outcome, context, function, arguments)
        threading.Thread(target=_work, args=work, name="agentos callback", daemon=True).start()
        result = await asyncio.wrap_future(outcome)
        return await result if inspect.isawaitable(result) else result

    return cast("T", call)


def _work(
    outcome: concurrent.futures.Future[Any],
    context: contextvars.Context,
    function: Callable[..., Any],
    arguments: tuple[Any, ...],
) -> None:
    outcome.set_running_or_notify_cancel()
    try:
        outcome.set_result(context.run(function, *arguments))
    except BaseException as error:  # noqa: BLE001 - whoever asked is told, whatever it is
        outcome.set_exception(error)


def told_in_thread(given: T) -> T:
    """Turn a sync function that is only told something into one that a thread is told in turn."""
    return cast("T", Listener(cast("Callable[..., Any]", given))) if _is_sync(given) else given


class Listener:
    """Calls a function in a thread, once after the other; the thread ends when all is told."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self._news: deque[tuple[Any, ...]] = deque()
        self._changing = threading.Lock()
        self._telling = False

    def __call__(self, *news: Any) -> None:
        with self._changing:
            self._news.append(news)
            if self._telling:
                return
            self._telling = True
        threading.Thread(target=self._tell, name="agentos callback", daemon=True).start()

    def _tell(self) -> None:
        while True:
            with self._changing:
                if not self._news:
                    self._telling = False
                    return
                news = self._news.popleft()
            try:
                self._function(*news)
            except Exception:  # noqa: BLE001 - the caller's own; the next news is told too
                threading.excepthook(threading.ExceptHookArgs((*sys.exc_info(), None)))


def with_callbacks(settings: Mapping[str, object]) -> dict[str, Any]:
    """Let the functions in settings run in threads, and hand on what blocking objects stand for."""
    return {name: _AS[name](value) if name in _AS else value for name, value in settings.items()}


_AS: dict[str, Callable[[Any], Any]] = {
    "on_request": in_thread,
    "on_warning": told_in_thread,
    "permission": in_thread,
    "provider": unwrapped,
}


def _is_sync(given: object) -> bool:
    return callable(given) and not (
        inspect.iscoroutinefunction(given)
        or inspect.iscoroutinefunction(getattr(given, "__call__", None))  # noqa: B004
    )
