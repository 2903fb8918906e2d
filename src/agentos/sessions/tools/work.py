"""Running a tool's function: in the event loop, or in a thread of its own."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Outcome:
    """What a function returned or raised."""

    value: Any = None
    error: BaseException | None = None


def start(function: Callable[..., Any], arguments: Mapping[str, Any]) -> asyncio.Future[Outcome]:
    """Start a function; cancelling what is returned stops an async one only.

    A thread of its own, rather than one of a pool: a function that hangs holds nobody up, not
    even the end of the process.
    """
    if is_async(function):
        return asyncio.create_task(_awaited(function, arguments), name="agentos tool")
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[Outcome] = loop.create_future()
    context = contextvars.copy_context()

    def work() -> None:
        try:
            done = Outcome(context.run(function, **arguments))
        except BaseException as error:  # noqa: BLE001 - it is the answer, whatever it is
            done = Outcome(error=error)
        if not loop.is_closed():
            loop.call_soon_threadsafe(_deliver, outcome, done)

    threading.Thread(target=work, name="agentos tool", daemon=True).start()
    return outcome


def is_async(function: Callable[..., Any]) -> bool:
    """Tell whether calling it returns a coroutine."""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004 - an object with an async __call__
    )


async def _awaited(function: Callable[..., Any], arguments: Mapping[str, Any]) -> Outcome:
    try:
        return Outcome(await function(**arguments))
    except asyncio.CancelledError as error:
        if (task := asyncio.current_task()) and task.cancelling():
            raise
        return Outcome(error=error)  # the tool's own
    except BaseException as error:  # noqa: BLE001 - SystemExit too ends the tool, not the host
        return Outcome(error=error)


def _deliver(outcome: asyncio.Future[Outcome], done: Outcome) -> None:
    if not outcome.done():
        outcome.set_result(done)
