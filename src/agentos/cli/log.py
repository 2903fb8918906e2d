"""`agentos log`: what the hub was asked, read from the store itself."""

from __future__ import annotations

import re
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Protocol

import typer

from agentos.cli.event_loop import run_command
from agentos.errors import ConfigInvalid

if TYPE_CHECKING:
    from agentos.hub.telemetry.event import EventRecord
    from agentos.hub.telemetry.log import Filters
    from agentos.store import Store

#: Seconds between two looks at the store.
_POLL = 0.5
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def log(
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes.")] = False,
    kind: Annotated[
        str | None,
        typer.Option(
            "--kind", "-k", help="Only http, tool, portfolio_read, command or project events."
        ),
    ] = None,
    client: Annotated[
        str | None, typer.Option("--client", "-c", help="Only of this client, such as codex.")
    ] = None,
    tool: Annotated[
        str | None, typer.Option("--tool", "-t", help="Only calls of this tool.")
    ] = None,
    project: Annotated[
        str | None, typer.Option("--project", "-p", help="Only of this project.")
    ] = None,
    errors: Annotated[bool, typer.Option("--errors", help="Only what failed.")] = False,
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="TIME", help="As 10m, 2h, 7d, or 2026-05-01T12:00."),
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, max=1000, help="At most so many of the past.")
    ] = 100,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object a line, as when piped.")
    ] = False,
) -> None:
    """Show what the hub was asked, oldest first. It need not run."""
    from agentos.hub.telemetry.log import ANY_ERROR, Filters

    filters = Filters(
        kind=_kind(kind, tool),
        client=client,
        name=tool,
        project=project,
        outcome=ANY_ERROR if errors else None,
        since=None if since is None else _moment(since),
    )
    show = _as_lines if as_json or not sys.stdout.isatty() else _as_table
    run_command(_follow(filters, limit, show) if follow else _show(filters, limit, show))


def _kind(kind: str | None, tool: str | None) -> str | None:
    from agentos.hub.telemetry.event import Kind

    if kind is None:
        return None if tool is None else Kind.TOOL.value
    if kind not in {str(each) for each in Kind}:
        raise ConfigInvalid(f"there is no kind {kind!r}", hint=f"the kinds are {', '.join(Kind)}")
    return kind


def _moment(since: str) -> datetime:
    """Read how long ago, or when."""
    try:
        if ago := re.fullmatch(r"(\d+)([smhdw])", since):
            return datetime.now(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        return datetime.fromisoformat(since).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ConfigInvalid(
            f"--since {since}: there is no such time",
            code="time_invalid",
            hint="write 10m, 2h, 7d, or a time such as 2026-05-01T12:00",
        ) from error


async def _show(filters: Filters, limit: int, show: _Show) -> None:
    from agentos.hub.telemetry.log import page

    async with _opened() as store:
        records = (await page(store, filters, limit=limit)).records
    show(list(reversed(records)), True)


async def _follow(filters: Filters, limit: int, show: _Show) -> None:
    import asyncio

    from agentos.hub.telemetry.log import following, newest_id, page

    async with _opened() as store:
        place = await newest_id(store)
        past = (await page(store, filters, after=place + 1, limit=limit)).records
        show(list(reversed(past)), True)
        while True:
            if new := await following(store, place, filters):
                place = new[-1].id
                show(new, False)
            else:
                await asyncio.sleep(_POLL)


@asynccontextmanager
async def _opened() -> AsyncIterator[Store]:
    import asyncio

    from agentos.store import Store

    store = await Store.open()
    try:
        yield store
    finally:
        await asyncio.shield(store.close())


class _Show(Protocol):
    def __call__(self, records: Sequence[EventRecord], first: bool) -> None: ...


def _as_lines(records: Sequence[EventRecord], first: bool) -> None:
    del first
    from agentos.hub.telemetry.as_json import line

    for record in records:
        sys.stdout.write(line(record) + "\n")
    sys.stdout.flush()


def _as_table(records: Sequence[EventRecord], first: bool) -> None:
    """Print rows under one heading."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from agentos.cli.render import printable

    if not records and first:
        typer.echo("nothing is in the log", err=True)
        return
    table = Table(box=None, pad_edge=False, show_header=first, header_style="bold")
    for name, width in (("at", 19), ("kind", 14), ("client", 10), ("project", 10)):
        table.add_column(name, no_wrap=True, width=width, overflow="ellipsis")
    table.add_column("ms", no_wrap=True, width=8, justify="right")
    table.add_column("outcome", no_wrap=True, width=12, overflow="ellipsis")
    table.add_column("name", no_wrap=True, overflow="ellipsis")
    for record in records:
        style = "" if record.outcome == "ok" else "red"
        table.add_row(*(Text(printable(cell), style) for cell in _cells(record)))
    Console(highlight=False).print(table)


def _cells(record: EventRecord) -> list[str]:
    at = record.at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    took = f"{record.duration_ms:.1f}"
    arguments = "" if record.arguments in (None, "{}") else f"  {record.arguments}"
    name = record.name + arguments
    return [at, record.kind, record.client, record.project, took, record.outcome, name]
