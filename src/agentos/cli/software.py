"""`agentos software`: what can be installed for machines, and what is."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from agentos.cli.event_loop import run_command

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

    from agentos.software import Installed, Package, Progress

app = typer.Typer(no_args_is_help=True, help="Install the software that machines share.")


@app.command("list")
def list_software(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array, for programs.")] = False,
) -> None:
    """Show what exists and what is installed."""
    rows = _rows()
    if as_json:
        typer.echo(json.dumps([asdict(row) for row in rows], indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("name", "version", "installed", "size", "path", box=None, pad_edge=False)
    for row in rows:
        state = "yes" if row.installed else "no"
        table.add_row(row.name, row.version, state, _megabytes(row.size), row.path or "")
    # A pipe has no width: nothing is cut there.
    Console(width=None if sys.stdout.isatty() else 10_000, soft_wrap=True).print(table)


@app.command()
def install(names: Annotated[list[str], typer.Argument(metavar="NAME...")]) -> None:
    """Install packages, and what they require, at their pinned versions."""
    for layer in run_command(install_showing_progress(names)):
        typer.echo(f"{layer.name} {layer.version}  {_megabytes(layer.size)}  {layer.path}")


async def install_showing_progress(names: Iterable[str | Package]) -> list[Installed]:
    """Install what is missing, with a bar on a terminal and plain lines elsewhere."""
    from agentos.software import ensure

    with ExitStack() as stack:
        progress: Progress = stack.enter_context(_Bar()) if sys.stderr.isatty() else _Lines()
        return await ensure(names, progress=progress)


@app.command()
def remove(names: Annotated[list[str], typer.Argument(metavar="NAME[@VERSION]...")]) -> None:
    """Remove installed packages; without a version, all versions of them."""
    from agentos import software

    for name in names:
        base, _, version = name.partition("@")
        for layer in software.remove(base, version or None):
            typer.echo(f"removed {layer.name} {layer.version}  {_megabytes(layer.size)}")


@dataclass(frozen=True)
class _Row:
    name: str
    version: str
    installed: bool
    size: int | None = None
    path: str | None = None


def _rows() -> list[_Row]:
    from agentos.software import CATALOG, installed

    rows = [
        _Row(layer.name, layer.version, True, layer.size, str(layer.path)) for layer in installed()
    ]
    present = {(row.name, row.version) for row in rows}
    rows += [
        _Row(package.name, package.version, False)
        for package in CATALOG.values()
        if (package.name, package.version) not in present
    ]
    return sorted(rows, key=lambda row: (row.name, row.version))


def _megabytes(size: int | None) -> str:
    return "" if size is None else f"{size / 1e6:,.1f} MB"


class _Lines:
    """Progress as plain lines on stderr."""

    def started(self, name: str, version: str, total_bytes: int) -> None:
        typer.echo(f"installing {name} {version} ({_megabytes(total_bytes)})", err=True)

    def advanced(self, bytes_so_far: int) -> None:
        pass

    def finished(self) -> None:
        pass


class _Bar:
    """Progress as a bar on stderr."""

    def __enter__(self) -> _Bar:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
        self._bars: Bars = Progress(*columns, console=Console(stderr=True))
        self._bars.start()
        self._task: TaskID | None = None
        return self

    def __exit__(self, *exception: object) -> None:
        self._bars.stop()

    def started(self, name: str, version: str, total_bytes: int) -> None:
        self._name = f"{name} {version}"
        self._total = total_bytes
        self._task = self._bars.add_task(self._name, total=total_bytes)

    def advanced(self, bytes_so_far: int) -> None:
        if self._task is not None:
            doing = " (unpacking)" if bytes_so_far == self._total else ""
            self._bars.update(self._task, completed=bytes_so_far, description=self._name + doing)

    def finished(self) -> None:
        if self._task is not None:
            self._bars.update(self._task, description=self._name)
