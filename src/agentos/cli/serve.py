"""`agentos serve`: the hub in this terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from agentos.hub.lifecycle.running import Running

Host = Annotated[
    str | None, typer.Option("--host", metavar="ADDRESS", help="Listen here; loopback by default.")
]
Port = Annotated[
    int | None,
    typer.Option("--port", min=0, max=65535, help="Listen on this port and no other; 0: any."),
]


def serve(host: Host = None, port: Port = None) -> None:
    """Run the hub in this terminal until Ctrl-C.

    The first Ctrl-C lets requests end, the second does not. `agentos up` runs it in the
    background.
    """
    from agentos.hub.lifecycle.logs import log_to_terminal
    from agentos.hub.lifecycle.serving import Wanted
    from agentos.hub.lifecycle.serving import serve as be_the_hub

    log_to_terminal()
    be_the_hub(Wanted(host, port), _started)


def _started(running: Running, note: str) -> None:
    if note:
        typer.echo(f"agentos: {note}", err=True)
    typer.echo(f"The hub is ready at {running.url} (Ctrl-C ends it).")
