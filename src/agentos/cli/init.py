"""`agentos init`: the user's AgentOS home."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from agentos.home.repository import Versioning
    from agentos.home.setup import Plan


def init(
    directory: Annotated[
        Path | None,
        typer.Argument(metavar="DIR", help="Where; by default $AGENTOS_HOME or ~/AgentOS."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be added, and add nothing.")
    ] = False,
) -> None:
    """Make your AgentOS home, or add what is missing to a folder; nothing is overwritten."""
    from agentos.config import home_dir
    from agentos.home.repository import versioning_of
    from agentos.home.setup import make_home, plan_home

    plan = plan_home(directory or home_dir())
    versioning = versioning_of(plan.home)
    if not dry_run:
        make_home(plan)
    typer.echo(f"{plan.home}: {_summary(plan, dry_run)}")
    for name in sorted(plan.missing):
        typer.echo(f"  + {name}")
    for name in plan.kept:
        typer.echo(f"    {name} was there and stays as it is")
    typer.echo(_about_git(plan, versioning, dry_run))
    _about_settings(plan)
    if plan.home != home_dir():
        typer.echo(f"AgentOS looks elsewhere ({home_dir()}): export AGENTOS_HOME={plan.home}")
    if not dry_run and plan.missing:
        typer.echo(f"Begin with {plan.home / 'context-portfolio' / 'identity.md'}")


def _summary(plan: Plan, dry_run: bool) -> str:
    if not plan.missing:
        return "nothing is missing."
    files = "1 file" if len(plan.missing) == 1 else f"{len(plan.missing)} files"
    return f"{files} {'would be' if dry_run else 'were' if len(plan.missing) > 1 else 'was'} added."


def _about_git(plan: Plan, versioning: Versioning, dry_run: bool) -> str:
    from agentos.home.repository import begin_repository

    if versioning.state == "absent":
        return "git is not installed: the home has no history. Install it, and run init again."
    if versioning.state == "own":
        return "Its git repository stays as it is" + (
            "; nothing was committed." if plan.missing else "."
        )
    if versioning.state == "within":
        return (
            f"It is part of the git repository {versioning.top}; nothing was committed, and no "
            f"other was made. For one of its own: git init {plan.home}"
        )
    if dry_run:
        return "A git repository would be made, with a first commit."
    said = begin_repository(plan.home, plan.missing or plan.kept)
    return said[0].upper() + said[1:]


def _about_settings(plan: Plan) -> None:
    """Tell of a mistake in settings that were there before."""
    from agentos.errors import ConfigInvalid
    from agentos.settings.document import read_document
    from agentos.settings.file import FILE

    if FILE not in plan.kept:
        return
    try:
        read_document(plan.home / FILE)
    except ConfigInvalid as error:
        typer.echo(f"agentos: the settings that were there have a mistake: {error}", err=True)
