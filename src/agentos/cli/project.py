"""`agentos project`: the active project."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from agentos.home.projects import ActiveProjects

app = typer.Typer(
    no_args_is_help=True, help="Choose the project that scopes portfolio and memories."
)

Client = Annotated[
    str | None,
    typer.Option("--client", "-c", metavar="NAME", help="For this client alone, such as codex."),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON object, for programs.")]


@app.command()
def use(
    name: Annotated[str, typer.Argument(metavar="NAME", help="As agentos.toml names it.")],
    client: Client = None,
) -> None:
    """Make a project the active one."""
    _projects().use(name, client)
    typer.echo(f"{name} is active{_whose(client)}")


@app.command("list")
def list_projects(as_json: Json = False) -> None:
    """Show the projects of agentos.toml; the active one has a star."""
    projects = _projects()
    choice = projects.choice()
    if as_json:
        rows = [{"name": p.name, "path": str(p.path)} for p in projects.projects]
        found = {"active": choice.project, "clients": choice.clients, "projects": rows}
        typer.echo(json.dumps(found, indent=2))
        return
    if not projects.projects:
        typer.echo("agentos.toml has no projects yet", err=True)
    for project in projects.projects:
        clients = sorted(name for name, chosen in choice.clients.items() if chosen == project.name)
        star = "*" if project.name == choice.project else " "
        only = f"  (of {', '.join(clients)})" if clients else ""
        typer.echo(f"{star} {project.name}  {project.path}{only}")


@app.command()
def show(client: Client = None, as_json: Json = False) -> None:
    """Show the active project; exit with 1 if there is none."""
    project = _projects().active(client or "")
    if as_json:
        found = None if project is None else {"name": project.name, "path": str(project.path)}
        typer.echo(json.dumps(found))
    elif project is not None:
        typer.echo(f"{project.name}  {project.path}")
    else:
        typer.echo("no project is active", err=True)
    raise typer.Exit(1 if project is None else 0)


@app.command()
def clear(client: Client = None) -> None:
    """Go on without a project, or let a client follow the others."""
    _projects().clear(client)
    typer.echo(f"no project is chosen{_whose(client)}")


def _whose(client: str | None) -> str:
    return "" if client is None else f" for {client}"


def _projects() -> ActiveProjects:
    from agentos.home.projects import ActiveProjects
    from agentos.hub.settings import load_hub_settings

    return ActiveProjects(load_hub_settings().projects)
