"""The entry point: builds the command line, turns errors into one readable line."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from agentos.cli import (
    agents,
    config,
    demo,
    doctor,
    env,
    git,
    hub,
    image,
    init,
    log,
    mcp,
    models,
    net,
    portfolio,
    profiles,
    project,
    record,
    run,
    serve,
    service,
    sessions,
    shell,
    skills,
    snapshot,
    software,
    token,
)
from agentos.errors import AgentOsError

app = typer.Typer(
    name="agentos",
    help="A computer of its own for each coding agent.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command("demo")(demo.demo)
app.command("run")(run.run)
app.command("exec")(shell.exec_)
app.command("shell")(shell.shell)
app.command("record")(record.record)
app.command("replay")(record.replay)
app.command("doctor")(doctor.doctor)
app.command("init")(init.init)
app.add_typer(config.app, name="config")
app.add_typer(portfolio.app, name="portfolio")
app.add_typer(sessions.app, name="sessions")
app.add_typer(agents.app, name="agents")
app.add_typer(models.app, name="models")
app.add_typer(software.app, name="software")
app.add_typer(mcp.app, name="mcp")
app.add_typer(image.app, name="image")
app.add_typer(snapshot.app, name="snapshot")
app.add_typer(net.app, name="net")
app.command("log")(log.log)
app.add_typer(skills.app, name="skills")
app.command("log-command")(skills.log_command)
app.add_typer(project.app, name="project")
app.add_typer(git.app, name="git")
app.command("gc")(snapshot.gc)
app.command("serve")(serve.serve)
app.command("up")(hub.up)
app.command("down")(hub.down)
app.command("restart")(hub.restart)
app.command("status")(hub.status)
app.command("logs")(hub.logs)
app.add_typer(token.app, name="token")
app.add_typer(service.app, name="service")
app.add_typer(profiles.app, name="profiles")
app.command("env")(env.env)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"agentos {version('agentos-vm')}")
        raise typer.Exit


@app.callback()
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
    try:
        words = sys.argv[1:]
        if words in (["status"], ["status", "--json"]):
            # Scripts and prompts ask all the time: the parser alone would take half of it.
            sys.exit(hub.show_status(as_json="--json" in words))
        app()
    except (AgentOsError, OSError) as error:
        if "--debug" in sys.argv[1:2]:
            raise
        _say(error)
        sys.exit(1)


def _say(error: AgentOsError | OSError) -> None:
    if isinstance(error, AgentOsError):
        typer.echo(f"agentos: {error.message}", err=True)
        if error.hint:
            typer.echo(f"         {error.hint}", err=True)
    else:
        about = f"{error.filename}: " if error.filename else ""
        typer.echo(f"agentos: {about}{error.strerror or error}", err=True)
