"""`agentos service`: the hub, started by the system when you log in."""

from __future__ import annotations

import typer

app = typer.Typer(no_args_is_help=True, help="Have the hub start when you log in.")


@app.command()
def install() -> None:
    """Install the hub as a service of yours: systemd, launchd or the Task Scheduler."""
    from agentos.hub.service.service import service_here

    service = service_here()
    service.install()
    typer.echo(f"The hub is a service now, told by {service.path}.")


@app.command()
def uninstall() -> None:
    """End the service and remove it."""
    from agentos.hub.service.service import service_here

    service = service_here()
    removed = service.uninstall()
    typer.echo(f"{service.path} is removed." if removed else "The hub is no service here.")


@app.command()
def status() -> None:
    """Tell whether the hub is a service, and runs as one. The exit code is 3 if it does not."""
    from agentos.hub.service.service import service_here

    service = service_here()
    if not service.path.exists():
        typer.echo("The hub is no service here; `agentos service install` makes it one.")
        raise typer.Exit(3)
    runs = service.runs()
    typer.echo(f"{service.path}: {'runs' if runs else 'does not run'}")
    if not runs:
        raise typer.Exit(3)
