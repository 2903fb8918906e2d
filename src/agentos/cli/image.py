"""`agentos image`: roots of machines that have nothing of this host in them."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agentos.cli.event_loop import run_command

if TYPE_CHECKING:
    from agentos.machine.layers.store import Snapshot

app = typer.Typer(no_args_is_help=True, help="Roots for machines other than this host's.")
Name = Annotated[str, typer.Argument(metavar="NAME", help="The new image.")]


@app.command("build")
def build(
    name: Name,
    packages: Annotated[
        str, typer.Option("--packages", metavar="A,B,...", help="Debian packages to put in it.")
    ] = "",
) -> None:
    """Build an image of a minimal Debian and packages, from the sources apt uses here."""
    from agentos.machine.images.debian import build_image

    wanted = [package.strip() for package in packages.split(",") if package.strip()]
    _tell_of(run_command(build_image(name, wanted)))


@app.command("import")
def import_(
    name: Name,
    file: Annotated[
        Path,
        typer.Argument(help="A tar file of a root, an OCI layout, or what docker save wrote."),
    ],
) -> None:
    """Make an image of an archive."""
    from agentos.machine.images.importing import import_image

    _tell_of(run_command(import_image(name, file)))


def _tell_of(image: Snapshot) -> None:
    if not image.ids.has_root:
        said = f"{image.name} has no root inside: its files belong to agentos; see agentos doctor"
        typer.echo(said, err=True)


@app.command("list")
def list_images(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array, for programs.")] = False,
) -> None:
    """Show the images; `host`, this host's own programs, is always there."""
    from agentos.machine.layers.store import LayerStore

    found = [image for image in LayerStore().snapshots() if image.config is not None]
    if as_json:
        rows = [
            {"name": image.name, "created": image.created, "size": image.size} for image in found
        ]
        typer.echo(json.dumps(rows, indent=2))
        return
    if not found:
        typer.echo("there is no image beside host", err=True)
    for image in found:
        created = time.strftime("%Y-%m-%d %H:%M", time.localtime(image.created))
        typer.echo(f"{image.name:24}  {created}  {image.size / 1e6:8.1f} MB")


@app.command("rm")
def remove(names: Annotated[list[str], typer.Argument(metavar="NAME...")]) -> None:
    """Forget images; what only they used is removed from the disk."""
    from agentos.machine.layers.store import LayerStore

    store = LayerStore()
    for name in names:
        store.remove(name)
    store.collect()
