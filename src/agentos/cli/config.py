"""`agentos config`: the settings, one at a time."""

from __future__ import annotations

import json
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="The settings in agentos.toml.")
Key = Annotated[str, typer.Argument(metavar="KEY", help="Such as hub.port or models.default.")]


@app.command()
def path() -> None:
    """Show where the settings are."""
    from agentos.settings.file import settings_file

    typer.echo(settings_file())


@app.command()
def get(
    key: Key, as_json: Annotated[bool, typer.Option("--json", help="JSON, for programs.")] = False
) -> None:
    """Show a setting, or its default; exit code 1 if it has no value."""
    from agentos.settings.document import read_document
    from agentos.settings.editing import parse_key, value_of, written

    value = value_of(read_document(), parse_key(key))
    if as_json:
        typer.echo(json.dumps(value))
    elif value is None:
        typer.echo(f"agentos: {key} is not set", err=True)
    else:
        typer.echo(written(value))
    raise typer.Exit(int(value is None))


@app.command("set", context_settings={"ignore_unknown_options": True})
def set_(
    key: Key,
    value: Annotated[str, typer.Argument(metavar="VALUE", help="A text, or any TOML value.")],
) -> None:
    """Change a setting; comments and all the rest of the file stay as they are."""
    from agentos.errors import ConfigInvalid
    from agentos.settings.editing import parse_key, set_value
    from agentos.settings.file import settings_file

    file = settings_file()
    if not file.parent.is_dir():
        raise ConfigInvalid(f"there is no AgentOS home at {file.parent}", hint="run agentos init")
    set_value(file, parse_key(key), value)


@app.command()
def unset(key: Key) -> None:
    """Take a setting away, so that its default holds; exit code 1 if it was not set."""
    from agentos.settings.document import read_document
    from agentos.settings.editing import parse_key, unset_value, value_of
    from agentos.settings.file import settings_file

    if not unset_value(settings_file(), parse_key(key)):
        value_of(read_document(), parse_key(key))  # a name that is wrong is told
        typer.echo(f"agentos: {key} is not set", err=True)
        raise typer.Exit(1)
