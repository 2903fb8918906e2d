"""`agentos budget`: what may be used in a day, and how far it is used up."""

from __future__ import annotations

import json
import math
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agentos.cli.event_loop import run_command
from agentos.cli.options import Json
from agentos.config import expanded
from agentos.errors import ConfigInvalid

if TYPE_CHECKING:
    from agentos.usage.budget import BudgetStatus
    from agentos.usage.money import Currency

app = typer.Typer(no_args_is_help=True, help="What may be used in a day, and what it will be.")
Project = Annotated[
    Path | None, typer.Option("--project", "-p", help="Of the project in this directory.")
]
Profile = Annotated[str | None, typer.Option("--profile", help="Of this profile's sessions.")]


@app.command("set")
def set_(
    money: Annotated[
        float | None, typer.Option("--money", metavar="DOLLARS", help="At most so much a day.")
    ] = None,
    tokens: Annotated[
        int | None, typer.Option("--tokens", min=1, help="At most so many tokens a day.")
    ] = None,
    project: Project = None,
    profile: Profile = None,
) -> None:
    """Set what may be used in a day: by all, by a profile, or by a project.

    The gateway refuses calls beyond the first two. What a project uses is only told.
    """
    from agentos.usage.budget_settings import set_budget

    if money is None and tokens is None:
        raise ConfigInvalid("the budget limits nothing", hint="give --money or --tokens")
    if money is not None and not 0 < money < math.inf:
        raise ConfigInvalid(f"--money {money:g} is no limit", hint="give more than 0")
    directory = _whole(project, profile)
    if directory is not None and not directory.is_dir():
        raise ConfigInvalid(f"there is no directory {directory}", hint="a project is a directory")
    set_budget(money=money, tokens=tokens, project=directory, profile=profile)
    show()


@app.command()
def clear(project: Project = None, profile: Profile = None) -> None:
    """Take away what `set` has set."""
    from agentos.usage.budget_settings import clear_budget

    if not clear_budget(project=_whole(project, profile), profile=profile):
        raise ConfigInvalid("there is no such budget", hint="`agentos budget list` shows them")
    typer.echo("The budget is gone.")


@app.command("list")
def show(as_json: Json = False) -> None:
    """Show the budgets, how far they are used up, and how far they will be."""
    from agentos.usage.questions import budgets
    from agentos.usage.settings import load_usage_settings

    found = run_command(budgets())
    if as_json:
        for status in found:
            typer.echo(
                json.dumps(
                    asdict(status) | {"share": status.share, "share_ahead": status.share_ahead}
                )
            )
        return
    if not found:
        typer.echo("There is no budget; `agentos budget set --money 20` sets one.")
    currency = load_usage_settings().currency
    for status in found:
        typer.echo(_line(status, currency))


def _whole(project: Path | None, profile: str | None) -> Path | None:
    if project is not None and profile is not None:
        raise ConfigInvalid("a budget is of a project or of a profile", hint="name one of them")
    if profile == "":
        raise ConfigInvalid("no profile has an empty name", hint="leave --profile out for all")
    return None if project is None else Path(os.path.abspath(expanded(project)))


def _line(status: BudgetStatus, currency: Currency) -> str:
    def money(dollars: float | None) -> str:
        return currency.show(
            None if dollars is None else currency.of(dollars), at_least=status.unpriced > 0
        )

    whose = status.project or (f"profile {status.profile}" if status.profile else "all")
    limits, spent, ahead = [], [], []
    if status.money is not None:
        limits.append(money_of(status.money, currency))
        spent.append(money(status.cost))
        ahead.append(money(status.cost_ahead))
    if status.tokens is not None:
        limits.append(f"{status.tokens:,} tokens")
        spent.append(f"{status.used:,} tokens" if status.used is not None else "")
        ahead.append(f"{status.tokens_ahead:,} tokens" if status.tokens_ahead is not None else "")
    said = f"{whose}: {' and '.join(limits)} per {status.scope}"
    if status.used is not None:
        share = "" if status.share is None else f" ({status.share:.0%})"
        said += f"; used {' and '.join(spent)}{share}"
    if status.share_ahead is not None:
        said += f"; at this pace {' and '.join(ahead)} at the end of the day"
        said += " - MORE THAN THE BUDGET" if status.share_ahead > 1 else ""
    return said + ("; enforced by the gateway" if status.enforced else "; not enforced")


def money_of(dollars: float, currency: Currency) -> str:
    """Write an amount of US dollars in the user's currency."""
    return currency.show(currency.of(dollars))
