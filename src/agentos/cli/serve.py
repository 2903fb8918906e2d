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
    successor = be_the_hub(Wanted(host, port), _started)
    if successor is not None:
        typer.echo(f"The hub goes on in the background as process {successor}.")


def _started(running: Running) -> None:
    if running.note:
        typer.echo(f"agentos: {running.note}", err=True)
    typer.echo(f"The hub is ready at {running.url} (Ctrl-C ends it).")
