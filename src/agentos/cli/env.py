"""`agentos env`: the hub's token as a variable, for clients that ask over HTTP."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import click
import typer

if TYPE_CHECKING:
    from agentos.sync.token_variable import Shell


def env(
    shell: Annotated[
        str | None,
        typer.Option(
            "--shell",
            click_type=click.Choice(["sh", "fish", "powershell"]),
            help="Whose language; by default that of your shell. sh is also bash and zsh.",
        ),
    ] = None,
    install: Annotated[
        bool, typer.Option("--install", help="Write a file to source, and tell systemd.")
    ] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Remove what --install wrote.")] = False,
) -> None:
    """Print the line that sets AGENTOS_TOKEN: eval "$(agentos env)".

    Only clients that reach the hub over HTTP need it; the stdio bridge reads the token itself.
    """
    from agentos.config import state_dir
    from agentos.hub.auth.tokens import Tokens
    from agentos.sync import token_variable

    if remove:
        for path in token_variable.remove(state_dir(), os.environ):
            typer.echo(f"{path} is removed.")
        return
    token = Tokens(state_dir()).user()
    chosen: Shell = shell or token_variable.shell_of(os.environ)  # type: ignore[assignment]
    if not install:
        typer.echo(token_variable.export_line(token, chosen))
        return
    source = token_variable.write_sourced(state_dir(), chosen)
    systemd = token_variable.systemd_file(os.environ)
    token_variable.write_systemd(systemd, token)
    typer.echo(f"Shells: add this to your shell's start-up file: . '{source}'")
    typer.echo(f"Desktop programs under systemd: {systemd}, from your next login on.")
