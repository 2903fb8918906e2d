"""`agentos top`: sessions, approvals, costs and the log, on the screen or once."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from agentos.cli.event_loop import run_command
from agentos.config import state_dir
from agentos.errors import AgentOsError

if TYPE_CHECKING:
    from agentos.cli.top.source import Connect


def top(
    once: Annotated[bool, typer.Option("--once", help="Print everything once, as text.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print everything once, as one JSON object.")
    ] = False,
    lines: Annotated[
        int, typer.Option("--log", min=0, max=500, help="With --once: so many lines of the log.")
    ] = 20,
) -> None:
    """Watch and steer every session: what it does, what it costs, what it asks.

    It follows the hub, and finds it again when it restarts. Without a hub it shows what the store
    has. Enter opens a session; p prompts, c cancels, a answers, y and n say yes and no; 1 to 4
    are the views; / filters the log; q ends.
    """
    from agentos.cli.top.connecting import connector

    connect = connector(state_dir())
    if once or as_json:
        from agentos.cli.top import snapshot
        from agentos.cli.top.watch import read_once

        picture = run_command(read_once(connect, lines))
        typer.echo(snapshot.as_json(picture) if as_json else snapshot.as_text(picture))
        return
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise AgentOsError(
            "`agentos top` draws on a terminal, and this is none",
            code="no_terminal",
            hint="`agentos top --once` prints everything once; with --json for programs",
        )
    raise typer.Exit(run_command(_draw(connect)))


async def _draw(connect: Connect) -> int:
    """Draw until the user or a signal ends it; the terminal is left as it was."""
    import asyncio
    import signal

    from agentos.cli.top.app import TopApp

    app = TopApp(connect)
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for number in numbers:
        loop.add_signal_handler(number, app.exit, 128 + number)
    try:
        return await app.run_async() or app.return_code or 0
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
