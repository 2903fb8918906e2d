"""`agentos models`: where sessions without credentials of their own find a model."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from agentos.cli.event_loop import run_command
from agentos.errors import ConfigInvalid

if TYPE_CHECKING:
    from agentos.models.checking import Finding
    from agentos.models.providers import Provider
    from agentos.models.settings import ModelSettings

app = typer.Typer(no_args_is_help=True, help="Model providers of the host, and their routes.")


@app.command("list")
def list_models(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, for programs.")] = False,
) -> None:
    """Show the providers, the aliases and the default route."""
    from agentos.models.settings import load_settings

    settings = load_settings()
    providers = _providers(settings)
    if as_json:
        typer.echo(json.dumps(_plain(settings, providers), indent=2))
        return
    configured = {provider.name for provider in settings.providers}
    for provider in providers.values():
        spoken = ", ".join(provider.speaks)
        source = "agentos.toml" if provider.name in configured else "built in"
        typer.echo(f"{provider.name:<14} {provider.base_url:<40} {spoken}  ({source})")
    for name, route in settings.aliases.items():
        typer.echo(f"{name:<14} -> {route}")
    typer.echo(f"default: {settings.default or 'none; name a route with --model provider/model'}")


@app.command()
def check(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array, for programs.")] = False,
) -> None:
    """Ask providers whether they answer and take their key; by default those configured."""
    from agentos.models.settings import load_settings

    settings = load_settings()
    providers = _providers(settings)
    names = names or [provider.name for provider in settings.providers]
    if unknown := [name for name in names if name not in providers]:
        raise ConfigInvalid(
            f"there is no provider named {unknown[0]!r}", hint=f"known: {', '.join(providers)}"
        )
    if not names:
        raise ConfigInvalid(
            "agentos.toml configures no provider", hint=f"name one: {', '.join(providers)}"
        )
    findings = run_command(_check([providers[name] for name in names]))
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        for finding in findings:
            typer.echo(f"{finding.provider:<14} {finding.state:<12} {finding.detail}")
    raise typer.Exit(int(any(finding.state != "ok" for finding in findings)))


async def _check(providers: list[Provider]) -> list[Finding]:
    import asyncio

    from agentos.models.checking import check

    async with asyncio.TaskGroup() as group:
        checks = [group.create_task(check(provider)) for provider in providers]
    return [check.result() for check in checks]


def _providers(settings: ModelSettings) -> dict[str, Provider]:
    from agentos.models.providers import known_providers

    return known_providers() | {provider.name: provider for provider in settings.providers}


def _plain(settings: ModelSettings, providers: dict[str, Provider]) -> dict[str, object]:
    return {
        "providers": [
            {"name": p.name, "base_url": p.base_url, "speaks": [wire.value for wire in p.speaks]}
            for p in providers.values()
        ],
        "aliases": settings.aliases,
        "fallbacks": settings.fallbacks,
        "default": settings.default,
    }
