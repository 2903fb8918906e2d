"""`agentos up`, `down`, `restart`, `status` and `logs`: the hub in the background."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from agentos.cli.serve import Host, Port
from agentos.config import state_dir

if TYPE_CHECKING:
    from agentos.hub.lifecycle.running import Running

#: What service managers mean by it: the program is not running.
_NOT_RUNNING = 3


def up(host: Host = None, port: Port = None) -> None:
    """Run the hub in the background; do nothing if it runs already."""
    from agentos.hub.lifecycle import control

    running, new = control.up(state_dir(), host=host, port=port)
    typer.echo(f"{'The hub is ready' if new else 'The hub already runs'}: {_words(running)}")
    if running.note:
        typer.echo(f"agentos: {running.note}", err=True)


def down() -> None:
    """End the hub; requests that it has accepted may end first."""
    from agentos.hub.lifecycle import control

    ended = control.down(state_dir())
    typer.echo("The hub does not run." if ended is None else f"The hub has ended: {_words(ended)}")


def restart() -> None:
    """Start the hub anew without losing a request: the new one takes over the old one's port."""
    from agentos.hub.lifecycle import control

    typer.echo(f"The hub is ready: {_words(control.restart(state_dir()))}")


def status(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, for programs.")] = False,
) -> None:
    """Tell whether the hub runs, and where. The exit code is 3 if it does not, 1 if it is ill."""
    raise typer.Exit(show_status(as_json))


def show_status(as_json: bool) -> int:
    """Print how the hub is, and return the exit code that says so."""
    from agentos.hub.lifecycle import control

    found = control.status(state_dir())
    if as_json:
        typer.echo(json.dumps(asdict(found)))
    elif found.running is not None:
        typer.echo(f"The hub runs: {_words(found.running)}, since {found.running.started}")
    elif found.ended is not None:
        said = f"process {found.ended.pid}, since {found.ended.started}"
        typer.echo(f"The hub ended without saying so ({said}); `agentos up` starts it.")
    else:
        typer.echo("The hub does not run; `agentos up` starts it.")
    if found.problem:
        typer.echo(f"agentos: {found.problem}", err=True)
    if found.running is None:
        return _NOT_RUNNING
    return 1 if found.problem else 0


def logs(
    last: Annotated[int, typer.Option("--last", "-n", min=0, help="At most so many lines.")] = 100,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as lines come.")] = False,
) -> None:
    """Show what the hub in the background logs, one JSON object a line."""
    from agentos.hub.lifecycle import logs
    from agentos.hub.lifecycle.daemon import log_file

    path = log_file(state_dir())
    for line in logs.last_lines(path, last):
        typer.echo(line)
    if follow:
        try:
            for line in logs.follow(path):
                typer.echo(line)
        except KeyboardInterrupt:
            raise typer.Exit(130) from None


def _words(running: Running) -> str:
    return f"process {running.pid}, {running.url}, version {running.version}"
