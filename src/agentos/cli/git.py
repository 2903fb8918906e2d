"""`agentos git`: the pushes that wait for a person, and the repositories that one trusts."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agentos.cli.confirm import confirm
from agentos.cli.event_loop import run_command
from agentos.cli.printable import printable
from agentos.errors import GitError, RepositoryNotRegistered

if TYPE_CHECKING:
    from agentos.hub.git.registered import WorkTree
    from agentos.hub.git.requests import PushRequest
    from agentos.hub.git.trust import Setting

app = typer.Typer(no_args_is_help=True, help="Decide what the git tools of agents may do.")

RequestId = Annotated[str, typer.Argument(metavar="ID", help="The push request.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


@app.command()
def requests(
    all_: Annotated[bool, typer.Option("--all", "-a", help="Those decided, too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array, for programs.")] = False,
) -> None:
    """Show the pushes that wait for approval."""
    from agentos.hub.git.requests import WAITING, PushRequests

    found = PushRequests().all()
    if not all_:
        found = [each for each in found if each.state == WAITING and not each.is_over]
    if as_json:
        typer.echo(json.dumps([asdict(each) for each in found], indent=2))
        return
    if not found:
        typer.echo("no push waits for approval", err=True)
    for request in found:
        _show(request)


@app.command()
def approve(id: RequestId, yes: Yes = False) -> None:
    """Approve a push: of exactly this commit, once, within a day."""
    from agentos.hub.git.requests import PushRequests

    inbox = PushRequests()
    _show(inbox.get(id))
    if not yes:
        confirm("approve this push?")
    inbox.decide(id, approved=True)
    typer.echo(f"approved {id}")


@app.command()
def reject(id: RequestId) -> None:
    """Reject a push."""
    from agentos.hub.git.requests import PushRequests

    PushRequests().decide(id, approved=False)
    typer.echo(f"rejected {id}")


@app.command()
def trust(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="The repository.")] = Path(),
    yes: Yes = False,
) -> None:
    """Trust the programs that a repository's own configuration names, as it is now."""
    from agentos.hub.git.trust import TrustedSettings

    directory = directory.resolve()
    tree, settings = run_command(_named_programs(directory))
    if not settings:
        typer.echo(f"the configuration of {directory} names no programs")
        return
    for setting in settings:
        typer.echo(str(setting))
    if not yes:
        confirm(f"may git start these in {directory}?")
    run_command(TrustedSettings().accept(tree.git, tree.common_dir, settings))
    typer.echo(f"trusted {directory}, until one of them changes")


async def _named_programs(directory: Path) -> tuple[WorkTree, list[Setting]]:
    from agentos.hub.git.registered import find_work_tree
    from agentos.hub.git.trust import risky_settings
    from agentos.hub.settings import Repository

    try:
        tree = await find_work_tree([Repository(directory)], directory)
    except RepositoryNotRegistered as error:
        if not directory.is_dir():
            raise
        raise GitError(
            f"{directory} is not the top directory of a git repository",
            hint="name that: agentos git trust DIR",
        ) from error
    return tree, await risky_settings(tree.git)


def _show(request: PushRequest) -> None:
    lines = (
        f"{request.id}  {request.state}  {request.asked}",
        f"  {request.repository} -> {request.remote} ({request.url}) {request.target}",
        f"  commit {request.commit}",
        *(f"    {line}" for line in request.commits),
    )
    for line in lines:
        typer.echo(printable(line).replace("\n", " "))
