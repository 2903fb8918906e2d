"""The entry point: builds the command line, turns errors into one readable line."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Annotated, Any

import typer

from agentos.cli.printable import printable
from agentos.errors import AgentOsError

#: Each command or group, in the order of the help, and what implements it. Only the module of
#: the one that is called is imported.
COMMANDS = {
    "demo": "demo:demo",
    "run": "run:run",
    "exec": "shell:exec_",
    "shell": "shell:shell",
    "record": "record:record",
    "replay": "record:replay",
    "doctor": "doctor:doctor",
    "init": "init:init",
    "log": "log:log",
    "gc": "snapshot:gc",
    "serve": "serve:serve",
    "open": "open:open_",
    "top": "top.command:top",
    "up": "hub:up",
    "down": "hub:down",
    "restart": "hub:restart",
    "status": "hub:status",
    "logs": "hub:logs",
    "log-command": "skills:log_command",
    "env": "env:env",
    "push-runtime": "sync:push",
    "pull-runtime": "sync:pull",
    "clean-runtime": "sync:clean",
    "check-sync": "sync:check",
}
GROUPS = {
    name: f"{name}:app"
    for name in (
        *("config", "portfolio", "sessions", "agents", "models", "software", "mcp", "image"),
        *("snapshot", "net", "project", "skills", "memory", "git", "token", "service"),
        *("profiles", "sync", "usage", "prices", "budget"),
    )
}


def build_app(name: str | None = None) -> typer.Typer:
    """Build the command line.

    Args:
        name: The one command or group that it is to have; by default it has all.
    """
    app = typer.Typer(
        name="agentos",
        help="A computer of its own for each coding agent.",
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        add_completion=False,
    )
    app.callback()(options)
    for command in COMMANDS if name is None else COMMANDS.keys() & {name}:
        app.command(command)(_load(COMMANDS[command]))
    for group in GROUPS if name is None else GROUPS.keys() & {name}:
        app.add_typer(_load(GROUPS[group]), name=group)
    return app


def _load(place: str) -> Any:
    module, _, attribute = place.partition(":")
    return getattr(import_module(f"agentos.cli.{module}"), attribute)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"agentos {version('agentos-vm')}")
        raise typer.Exit


def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show where an error came from.")] = False,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """A computer of its own for each coding agent."""
    del debug, version  # main() reads the one, its callback answered the other


def main() -> None:
    """Run the command line and exit with its code."""
    called = next((word for word in sys.argv[1:] if not word.startswith("-")), None)
    known = called in COMMANDS or called in GROUPS
    try:
        build_app(called if known else None)()
    except (AgentOsError, OSError) as error:
        if "--debug" in sys.argv[1:2]:
            raise
        _say(error)
        sys.exit(1)
    except UnicodeEncodeError:
        words = [word for word in sys.argv[1:] if not _is_text(word)]
        if "--debug" in sys.argv[1:2] or not words:
            raise
        typer.echo(f"agentos: {words[0]!r} is not in UTF-8", err=True)
        sys.exit(2)


def _is_text(word: str) -> bool:
    """Tell whether an argument is what files and databases take: text, not any bytes."""
    try:
        word.encode()
    except UnicodeEncodeError:
        return False
    return True


def _say(error: AgentOsError | OSError) -> None:
    if isinstance(error, AgentOsError):
        typer.echo(f"agentos: {printable(error.message)}", err=True)
        if error.hint:
            typer.echo(f"         {printable(error.hint)}", err=True)
    else:
        about = f"{error.filename}: " if error.filename else ""
        typer.echo(printable(f"agentos: {about}{error.strerror or error}"), err=True)
