"""Ctrl-C: the first cancels the turn, the second ends the machine."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from agentos.sessions import Session


@contextlib.contextmanager
def cancel_on_interrupt(session: Session) -> Iterator[None]:
    """Cancel the session's turn on SIGINT, and on the next one everything around it."""
    import asyncio

    loop = asyncio.get_running_loop()
    everything = asyncio.current_task()
    cancelling: list[asyncio.Task[None]] = []

    def interrupted() -> None:
        if cancelling:
            if everything is not None:
                everything.cancel("interrupted twice")
            return
        typer.echo("\nagentos: cancelling; press Ctrl-C again to end the machine", err=True)
        cancelling.append(loop.create_task(session.cancel()))

    loop.add_signal_handler(signal.SIGINT, interrupted)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGINT)
        for task in cancelling:
            task.cancel()
