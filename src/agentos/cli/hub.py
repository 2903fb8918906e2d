"""`agentos up`, `down`, `restart`, `status` and `logs`: the hub in the background."""

from __future__ import annotations

from typing import Annotated

import typer

from agentos.cli.serve import Host, Port
from agentos.cli.status import show_status, words_of
from agentos.config import state_dir


def up(host: Host = None, port: Port = None) -> None:
    """Run the hub in the background; do nothing if it runs already."""
    from agentos.hub.lifecycle import control

    running, new = control.up(state_dir(), host=host, port=port)
    typer.echo(f"{'The hub is ready' if new else 'The hub already runs'}: {words_of(running)}")
    if running.note:
        typer.echo(f"agentos: {running.note}", err=True)


def down() -> None:
    """End the hub; requests that it has accepted may end first."""
    from agentos.hub.lifecycle import control

    ended = control.down(state_dir())
    typer.echo(
        "The hub does not run." if ended is None else f"The hub has ended: {words_of(ended)}"
    )


def restart() -> None:
    """Start the hub anew without losing a request: the new one takes over the old one's port."""
    from agentos.hub.lifecycle import control

    typer.echo(f"The hub is ready: {words_of(control.restart(state_dir()))}")


def status(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, for programs.")] = False,
) -> None:
    """Tell whether the hub runs, and where. The exit code is 3 if it does not, 1 if it is ill."""
    raise typer.Exit(show_status(as_json))


def logs(
    last: Annotated[int, typer.Option("--last", "-n", min=0, help="At most so many lines.")] = 100,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as lines come.")] = False,
) -> None:
    """Show what the hub in the background logs, one JSON object a line."""
    from agentos.hub.lifecycle import logs
    from agentos.hub.lifecycle.daemon import log_file

    path = log_file(state_dir())
    if not path.exists():
        typer.echo(f"agentos: no hub in the background has logged to {path} yet", err=True)
    for line in logs.last_lines(path, last):
        typer.echo(line)
    if follow:
        try:
            for line in logs.follow(path):
                typer.echo(line)
        except KeyboardInterrupt:
            raise typer.Exit(130) from None
