"""Ctrl-C: the first cancels the turn, the second ends the machine."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Coroutine, Iterator
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    import asyncio


@contextlib.contextmanager
def cancel_on_interrupt(cancel: Callable[[], Coroutine[Any, Any, object]]) -> Iterator[None]:
    """Cancel a session's turn on SIGINT, and on the next one everything around it."""
    import asyncio

    loop = asyncio.get_running_loop()
    everything = asyncio.current_task()
    cancelling: list[asyncio.Task[object]] = []

    def interrupted() -> None:
        if cancelling:
            if everything is not None:
                everything.cancel("interrupted twice")
            return
        typer.echo("\nagentos: cancelling; press Ctrl-C again to end the machine", err=True)
        cancelling.append(loop.create_task(cancel()))
        cancelling[0].add_done_callback(_say_why_not)

    loop.add_signal_handler(signal.SIGINT, interrupted)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGINT)
        for task in cancelling:
            task.cancel()


def _say_why_not(cancelling: asyncio.Task[object]) -> None:
    if not cancelling.cancelled() and (error := cancelling.exception()) is not None:
        typer.echo(f"agentos: the turn could not be cancelled: {error}", err=True)
