"""`agentos profiles`: roles, each a model of a provider, as profiles of Codex."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from agentos.cli.event_loop import run_command
from agentos.cli.options import JsonArray

if TYPE_CHECKING:
    from agentos.sync.source import Profile

app = typer.Typer(no_args_is_help=True, help="Roles: models that Codex is started with by name.")
Name = Annotated[str, typer.Argument(metavar="NAME", help="Such as planner.")]


@app.command("list")
def list_(as_json: JsonArray = False) -> None:
    """Show the profiles, and whether the key of each is there."""
    from agentos.sync.settings import load_sync_settings

    profiles = load_sync_settings().profiles
    if as_json:
        rows = [asdict(each) | {"key": bool(os.environ.get(each.env_key))} for each in profiles]
        typer.echo(json.dumps(rows, indent=2))
        return
    for each in profiles:
        key = "is set" if os.environ.get(each.env_key) else "is not set"
        typer.echo(f"{each.name:<12} {each.model:<32} {each.provider:<12} ${each.env_key} {key}")


@app.command("set")
def set_(
    name: Name,
    model: Annotated[
        str | None, typer.Argument(metavar="[MODEL]", help="The provider's name of it.")
    ] = None,
    provider: Annotated[str | None, typer.Option("--provider", help="As openrouter.")] = None,
    base_url: Annotated[
        str | None, typer.Option("--base-url", help="Where its Responses API is.")
    ] = None,
    env_key: Annotated[
        str | None, typer.Option("--env-key", help="The variable that holds the key.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--setting", metavar="KEY=VALUE", help="A further setting of Codex."),
    ] = None,
    off: Annotated[bool, typer.Option("--off", help="Have no such profile.")] = False,
    on: Annotated[bool, typer.Option("--on", help="Have it again.")] = False,
) -> None:
    """Change a profile in agentos.toml, or add one; agentos sync push deploys it."""
    from agentos.errors import ConfigInvalid
    from agentos.settings.file import settings_file
    from agentos.sync.profile_editing import set_profile

    if off and on:
        raise ConfigInvalid("a profile is either on or off", hint="take one of --on and --off")
    further: dict[str, str] = {}
    for setting in settings or ():
        key, equals, value = setting.partition("=")
        if not equals:
            raise ConfigInvalid(f"{setting!r} sets nothing", hint="--setting KEY=VALUE")
        further[key] = value.strip()
    set_profile(
        settings_file(),
        name,
        model=model,
        provider=provider,
        base_url=base_url,
        env_key=env_key,
        enabled=False if off else True if on else None,
        settings=further,
    )
    typer.echo(f"{name} is set; `agentos sync push --client codex` deploys it.")


@app.command("test")
def try_(
    name: Name,
    live: Annotated[
        bool, typer.Option("--live", help="Ask the provider itself: it costs some tokens.")
    ] = False,
) -> None:
    """Start Codex with a profile and get an answer; exit code 1 if that fails.

    Codex has to accept every setting of config.toml and of the profile. A played model on this
    computer answers, unless --live is given.
    """
    from agentos.sync.clients import CLIENTS
    from agentos.sync.profile_trial import find_codex, try_profile

    profile = _profile(name)
    config = CLIENTS["codex"].places(os.environ).directory / "config.toml"
    text = config.read_text() if config.is_file() else ""
    codex = find_codex(os.environ)
    trial = run_command(try_profile(profile, codex, config=text, live=live))
    who = profile.provider if live else "a played model"
    if trial.works:
        typer.echo(f"{name} works: Codex took every setting, and {who} answered {trial.answer!r}.")
        return
    typer.echo(f"{name} does not work: {trial.answer}", err=True)
    raise typer.Exit(1)


def _profile(name: str) -> Profile:
    from agentos.errors import ConfigInvalid
    from agentos.settings.mistakes import nearest
    from agentos.sync.settings import load_sync_settings

    profiles = {each.name: each for each in load_sync_settings().profiles}
    if name not in profiles:
        hint = nearest(name, profiles)
        raise ConfigInvalid(f"there is no profile {name!r}", code="profile_unknown", hint=hint)
    return profiles[name]
