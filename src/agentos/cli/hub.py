"""`agentos up`, `down`, `restart`, `status` and `logs`: the hub in the background."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from agentos.cli.confirm import confirm
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


Yes = Annotated[
    bool, typer.Option("--yes", "-y", help="End the sessions that it holds without asking.")
]


def down(yes: Yes = False) -> None:
    """End the hub; requests that it has accepted may end first. The sessions that it holds end."""
    from agentos.hub.lifecycle import control

    if not yes:
        _ask_about_sessions()
    ended = control.down(state_dir())
    typer.echo(
        "The hub does not run." if ended is None else f"The hub has ended: {words_of(ended)}"
    )


def restart(yes: Yes = False) -> None:
    """Start the hub anew without losing a request: the new one takes over the old one's port.

    The sessions that the old one holds end.
    """
    from agentos.hub.lifecycle import control

    if not yes:
        _ask_about_sessions()
    typer.echo(f"The hub is ready: {words_of(control.restart(state_dir()))}")


def _ask_about_sessions() -> None:
    """Let nobody end sessions without knowing it.

    Raises:
        AgentOsError: The hub holds some, and nobody can be asked.
    """
    from agentos.errors import AgentOsError
    from agentos.hub.lifecycle import control

    held = control.held_sessions(state_dir())
    if not held.live:
        return
    sessions = "1 session" if held.live == 1 else f"{held.live} sessions"
    said = f"the hub holds {sessions}, {held.working or 'none'} at work"
    if not sys.stdin.isatty():
        raise AgentOsError(
            f"{said}; what it holds would end",
            code="sessions_live",
            hint="--yes ends it; transcripts stay, and --resume goes on with them",
        )
    confirm(f"{said[0].upper()}{said[1:]}. End what it holds?")


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
