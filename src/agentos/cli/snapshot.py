"""`agentos snapshot` and `agentos gc`: machines' files kept under a name."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated

import typer

from agentos.cli.event_loop import run_command

app = typer.Typer(no_args_is_help=True, help="Keep machines' files under a name.")
Name = Annotated[str, typer.Argument(metavar="NAME", help="The snapshot.")]


@app.command("list")
def list_snapshots(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array, for programs.")] = False,
) -> None:
    """Show the snapshots."""
    from agentos.machine.layers.store import LayerStore

    found = LayerStore().snapshots()
    if as_json:
        rows = [
            {"name": s.name, "created": s.created, "size": s.size, "layers": len(s.layers)}
            for s in found
        ]
        typer.echo(json.dumps(rows, indent=2))
        return
    if not found:
        typer.echo("there is no snapshot", err=True)
    for snapshot in found:
        created = time.strftime("%Y-%m-%d %H:%M", time.localtime(snapshot.created))
        layers = "1 layer" if len(snapshot.layers) == 1 else f"{len(snapshot.layers)} layers"
        typer.echo(f"{snapshot.name:24}  {created}  {snapshot.size / 1e6:8.1f} MB  {layers}")


@app.command("rm")
def remove(names: Annotated[list[str], typer.Argument(metavar="NAME...")]) -> None:
    """Forget snapshots; what only they used is removed from the disk."""
    from agentos.machine.layers.store import LayerStore

    store = LayerStore()
    for name in names:
        store.remove(name)
    store.collect()


@app.command("diff")
def diff(
    name: Name,
    patch: Annotated[bool, typer.Option("--patch", help="A git-style patch.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Show what a snapshot holds above the image it was made from."""
    from agentos.machine.changes import diff_of_snapshot

    found = diff_of_snapshot(name)
    typer.echo(found.to_json() if as_json else found.patch() if patch else found.text(), nl=as_json)


@app.command("export")
def export(name: Name, file: Annotated[Path, typer.Argument(help="The tar file.")]) -> None:
    """Write a snapshot to a tar file."""
    from agentos.machine import archive

    run_command(archive.export(name, file))


@app.command("import")
def import_(name: Name, file: Annotated[Path, typer.Argument(help="The tar file.")]) -> None:
    """Make a snapshot of an exported tar file."""
    from agentos.machine import archive

    run_command(archive.import_(name, file))


def gc() -> None:
    """Remove from the disk what no snapshot and no machine uses."""
    from agentos.machine.isolation.private_directory import sweep
    from agentos.machine.layers.store import LayerStore
    from agentos.machine.mounts.objects.collect import collect

    removed = LayerStore().collect()
    typer.echo(f"removed {len(removed)} layers" if len(removed) != 1 else "removed 1 layer")
    size, unsent = collect()
    if size:
        typer.echo(f"removed {size / 1e6:.1f} MB of cached objects")
    for one in unsent:
        typer.echo(f"kept, as {one.url} has not got it: {one.place} (changed: {one.count})")
    if left := run_command(sweep()):
        typer.echo(f"removed what killed machines left: {len(left)} directories")
