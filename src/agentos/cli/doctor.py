"""`agentos doctor`: what works on this host, found out by doing it."""

from __future__ import annotations

import json
from contextlib import aclosing
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from agentos.cli.event_loop import run_command
from agentos.cli.options import Json

if TYPE_CHECKING:
    from agentos.machine.isolation.probe import Finding


def doctor(
    as_json: Json = False,
    apparmor: Annotated[
        bool,
        typer.Option("--apparmor", help="Print the AppArmor profile that newer Ubuntu needs."),
    ] = False,
) -> None:
    """Try each capability and say how to get what is missing."""
    if apparmor:
        from agentos.machine.isolation.apparmor import profile

        typer.echo(profile(), nl=False)
        return
    if not run_command(_examine(as_json)):
        raise typer.Exit(1)


async def _examine(as_json: bool) -> bool:
    from agentos.doctor.findings import examine

    healthy = True
    async with aclosing(examine()) as findings:
        async for finding in findings:
            healthy = healthy and (finding.ok or not finding.required)
            _show(finding, as_json)
    return healthy


def _show(finding: Finding, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(asdict(finding)))
        return
    mark = "ok     " if finding.ok else "MISSING" if finding.required else "absent "
    typer.echo(f"{mark}  {finding.name}: {finding.detail}")
    if not finding.ok and finding.remedy:
        typer.echo(f"         -> {finding.remedy}")
