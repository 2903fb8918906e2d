"""`agentos portfolio`: the pages about you, and what agents would change in them."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agentos.cli.event_loop import run_command
from agentos.cli.options import JsonArray
from agentos.errors import SyncConflict

if TYPE_CHECKING:
    from agentos.portfolio import Portfolio, Proposal

app = typer.Typer(no_args_is_help=True, help="The context portfolio, and proposals to change it.")
Name = Annotated[str, typer.Argument(metavar="NAME", help="Such as identity.")]
Id = Annotated[str, typer.Argument(metavar="ID", help="A proposal, as inbox shows it.")]
ProjectName = Annotated[
    str | None, typer.Option("--project", metavar="NAME", help="Only what this project sees.")
]


@app.command("list")
def list_files(project: ProjectName = None, as_json: JsonArray = False) -> None:
    """Show the pages: how far to trust each, and what it is about."""
    files = run_command(_portfolio(project).files())
    if as_json:
        _show_json(files)
        return
    for file in files:
        state = f"{file.stability or '-'}{' (old)' if file.stale else ''}"
        typer.echo(f"{file.name:<28} {file.updated or '-'!s:<12} {state:<15} {_plain(file.scope)}")


@app.command()
def show(name: Name, project: ProjectName = None) -> None:
    """Show a page."""
    page = run_command(_portfolio(project).read(name))
    text = _plain(page.text) if sys.stdout.isatty() else page.text
    typer.echo(text, nl=not text.endswith("\n"))
    for warning in page.warnings:
        typer.echo(f"agentos: {warning}", err=True)


@app.command()
def search(
    query: Annotated[str, typer.Argument(metavar="QUERY", help='Words and "phrases".')],
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many passages.")] = 20,
    context: Annotated[int, typer.Option("--context", "-C", min=0, help="Lines around.")] = 1,
    project: ProjectName = None,
    as_json: JsonArray = False,
) -> None:
    """Search the pages; exit code 1 if nothing is found."""
    hits = run_command(_portfolio(project).search(query, limit, context))
    if as_json:
        _show_json(hits)
    else:
        for hit in hits:
            typer.echo(f"{hit.name}:{hit.line}  {_plain(hit.heading)}")
            typer.echo("".join(f"    {line}\n" for line in _plain(hit.text).splitlines()))
    raise typer.Exit(int(not hits))


@app.command()
def check(as_json: JsonArray = False) -> None:
    """Find broken front matter and links, and pages grown old; exit code 1 if anything is wrong."""
    findings = run_command(_portfolio().check())
    if as_json:
        _show_json(findings)
    else:
        for each in findings:
            typer.echo(f"{each.name}.md:{each.line}: {each.level}: {_plain(each.message)}")
        if not findings:
            typer.echo("The portfolio is in order.")
    raise typer.Exit(int(any(each.level == "error" for each in findings)))


@app.command()
def inbox(as_json: JsonArray = False) -> None:
    """Show what agents propose, the oldest first."""
    proposals = run_command(_portfolio().inbox())
    if as_json:
        _show_json(proposals)
        return
    for each in proposals:
        at = datetime.fromtimestamp(each.at, UTC).astimezone().strftime("%Y-%m-%d %H:%M")
        typer.echo(f"{each.id}  {at}  {each.name}  by {_line(each.client)}: {_line(each.reason)}")
    if not proposals:
        typer.echo("Nothing is proposed.")


@app.command()
def diff(id: Id) -> None:
    """Show what a proposal changes."""
    proposal = run_command(_portfolio().proposal(id))
    typer.echo(f"{proposal.name}, by {_line(proposal.client)}: {_line(proposal.reason)}")
    typer.echo(_plain(proposal.diff()), nl=False)


@app.command()
def accept(id: Id) -> None:
    """Make the change that is proposed; committing it is left to you."""
    try:
        proposal = run_command(_portfolio().accept(id))
    except SyncConflict as error:
        raise SyncConflict(_plain(error.message), hint=error.hint, names=error.names) from error
    typer.echo(f"{proposal.name} was changed; git diff shows how.")


@app.command()
def reject(
    id: Id,
    reason: Annotated[
        str | None, typer.Option("--reason", help="Why; it is kept with the proposal.")
    ] = None,
) -> None:
    """Leave the page as it is."""
    proposal: Proposal = run_command(_portfolio().reject(id, reason))
    typer.echo(f"{proposal.name} stays as it is.")


def _portfolio(project: str | None = None) -> Portfolio:
    from agentos.home.projects import project_named
    from agentos.hub.settings import load_hub_settings
    from agentos.portfolio import Portfolio

    settings = load_hub_settings()
    chosen = project_named(settings.projects, project) if project else None
    return Portfolio(project=chosen, stale_after=settings.stale_after_days)


def _show_json(rows: Sequence[Any]) -> None:
    typer.echo(json.dumps([asdict(row) for row in rows], default=str, indent=2))


def _plain(text: str | None) -> str:
    """What an agent wrote, with nothing in it that moves the cursor."""
    from agentos.cli.render import printable

    return printable(text or "")


def _line(text: str) -> str:
    return " ".join(_plain(text).split())
