"""`agentos token`: who may ask the hub for what."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from agentos.config import state_dir

if TYPE_CHECKING:
    from agentos.hub.auth.token_table import Token

app = typer.Typer(no_args_is_help=True, help="See and change who may ask the hub for what.")


@app.command()
def show() -> None:
    """Print your own token, which allows everything; it is made if there is none."""
    from agentos.hub.auth.tokens import Tokens

    typer.echo(Tokens(state_dir()).user())


@app.command()
def rotate(
    grace: Annotated[
        str | None,
        typer.Option("--grace", metavar="TIME", help="Let the old one be good for 1h, say."),
    ] = None,
) -> None:
    """Put a new token in the place of your own, also for the hub that runs, and print it."""
    from agentos.hub.auth.lifetime import parse_lifetime
    from agentos.hub.auth.tokens import Tokens
    from agentos.sync.token_variable import keep_in_step

    token = Tokens(state_dir()).rotate(parse_lifetime(grace) if grace else 0.0)
    keep_in_step(token)
    typer.echo(token)


@app.command()
def create(
    scope: Annotated[
        str, typer.Option("--scope", metavar="SCOPES", help="As portfolio:read,fs:read.")
    ],
    expires: Annotated[
        str | None,
        typer.Option("--expires", metavar="TIME", help="End it after 7d, say; else by revoke."),
    ] = None,
    name: Annotated[str, typer.Option("--name", help="What its requests are recorded under.")] = "",
) -> None:
    """Make a token that allows just so much, and print it; it cannot be shown again."""
    from agentos.hub.auth.lifetime import parse_lifetime
    from agentos.hub.auth.tokens import Tokens
    from agentos.hub.scopes import parse_scopes

    lifetime = parse_lifetime(expires) if expires else None
    typer.echo(Tokens(state_dir()).create(parse_scopes(scope), name=name, lifetime=lifetime))


@app.command("list")
def list_() -> None:
    """List the tokens beside your own; what is kept of them opens nothing."""
    from agentos.hub.auth.tokens import Tokens

    now = datetime.now(UTC).timestamp()
    found = Tokens(state_dir()).list()
    if not found:
        typer.echo("there is no token beside your own", err=True)
    for token in found:
        typer.echo(_line(token, now))


@app.command()
def revoke(
    token: Annotated[str, typer.Argument(metavar="TOKEN", help="Its id or name.")],
) -> None:
    """End a token, also for the hub that runs."""
    from agentos.hub.auth.tokens import Tokens

    ended = Tokens(state_dir()).revoke(token)
    typer.echo(f"{ended.id} {ended.name} is revoked.")


def _line(token: Token, now: float) -> str:
    if token.expires is None:
        ends = "until revoked"
    else:
        at = datetime.fromtimestamp(token.expires, UTC).astimezone()
        word = "expired" if token.expires <= now else "until"
        ends = f"{word} {at:%Y-%m-%d %H:%M}"
    return f"{token.id}  {token.name}  {','.join(sorted(token.scopes))}  {ends}"
