"""`agentos sessions`: the transcripts that are kept."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agentos.cli.event_loop import run_command
from agentos.cli.options import MOST_ROWS

if TYPE_CHECKING:
    from agentos.sessions.transcripts import SessionRecord, Transcripts
    from agentos.sessions.transcripts.search import Found

app = typer.Typer(no_args_is_help=True, help="See, search and export what sessions did.")

SessionId = Annotated[str, typer.Argument(metavar="ID", help="The session, or how its id begins.")]
Last = Annotated[int, typer.Option("--last", "-n", min=1, max=MOST_ROWS, help="At most so many.")]


class Format(StrEnum):
    """What a transcript is exported as."""

    JSONL = "jsonl"
    MARKDOWN = "markdown"


@app.command("list")
def list_sessions(
    machine: Annotated[
        str | None, typer.Option("--machine", "-m", help="Only of this machine.")
    ] = None,
    last: Last = 100,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array, for programs.")] = False,
) -> None:
    """Show the sessions, those with the latest events first."""
    found = run_command(_list(machine, last))
    if as_json:
        from agentos.sessions.transcripts.export import plain

        rows = [{**asdict(record), "title": title} for record, title in found]
        typer.echo(json.dumps(rows, indent=2, default=plain))
        return
    if not found:
        typer.echo("no sessions are kept yet", err=True)
        return
    _table(
        ["id", "agent", "machine", "last event", "state", "events", "title"],
        [[*_cells(record), title or ""] for record, title in found],
    )


@app.command()
def show(
    session: SessionId,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object a line, as exported.")
    ] = False,
) -> None:
    """Show what happened in a session."""
    run_command(_export(session, Format.JSONL, None) if as_json else _show(session))


@app.command()
def search(
    words: Annotated[
        list[str], typer.Argument(help='All of them are in what is found; "a phrase" as it is.')
    ],
    last: Annotated[
        int, typer.Option("--last", "-n", min=1, max=MOST_ROWS, help="At most so many.")
    ] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array, for programs.")] = False,
) -> None:
    """Find what was said, run or written in any session; the best come first."""
    found = run_command(_search(words, last))
    if as_json:
        typer.echo(json.dumps([asdict(hit) for hit in found], indent=2))
    else:
        rows = [[hit.session_id, str(hit.seq), " ".join(hit.snippet.split())] for hit in found]
        _table(["id", "event", "found"], rows)
    raise typer.Exit(0 if found else 1)


@app.command()
def export(
    session: SessionId,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Else to the terminal.")
    ] = None,
    kind: Annotated[
        Format | None,
        typer.Option("--format", "-f", help="Else by the file's name; jsonl holds everything."),
    ] = None,
) -> None:
    """Write a transcript as JSON Lines or as Markdown."""
    named = output is not None and output.suffix in (".md", ".markdown")
    run_command(_export(session, kind or (Format.MARKDOWN if named else Format.JSONL), output))


@app.command("rm")
def remove(sessions: Annotated[list[str], typer.Argument(metavar="ID...")]) -> None:
    """Forget sessions, with what their agents kept of them."""
    run_command(_remove(sessions))


async def _list(machine: str | None, last: int) -> list[tuple[SessionRecord, str | None]]:
    from agentos.sessions.transcripts.keeper import open_transcripts

    async with open_transcripts() as transcripts:
        records = await transcripts.sessions(machine=machine, limit=last)
        return [(record, await _title(transcripts, record)) for record in records]


async def _title(transcripts: Transcripts, record: SessionRecord) -> str | None:
    """Return a session's title, or how its first prompt begins."""
    if record.title:
        return record.title
    first = await transcripts.first(record.id, "turn_started")
    return None if first is None else " ".join(_prompt(first.data).split())[:120]


async def _show(session: str) -> None:
    from agentos.cli.render import TextRenderer
    from agentos.sessions.transcripts.keeper import open_transcripts

    async with open_transcripts() as transcripts:
        record = await transcripts.named(session)
        _table(["", ""], [[name, value] for name, value in _facts(record)], heading=False)
        shown = TextRenderer()
        async for event in transcripts.read(record.id):
            if event.type == "turn_started":
                shown.asked(_prompt(event.data))
            elif event.type == "turn_ended" and (error := event.data.get("error")):
                shown.failed(error["message"])
            else:
                shown.event(event)
        shown.end()


async def _search(words: list[str], last: int) -> list[Found]:
    from agentos.sessions.transcripts.keeper import open_transcripts

    # What the shell took as one word is a phrase.
    query = " ".join(f'"{word}"' if " " in word and '"' not in word else word for word in words)
    async with open_transcripts() as transcripts:
        return await transcripts.search(query, last)


async def _export(session: str, kind: Format, output: Path | None) -> None:
    from agentos.sessions.transcripts.export import as_json_lines, as_markdown
    from agentos.sessions.transcripts.keeper import open_transcripts

    async with open_transcripts() as transcripts:
        record = await transcripts.named(session)
        write = as_json_lines if kind is Format.JSONL else as_markdown
        await _write(write(record, transcripts.read(record.id)), output)


async def _write(parts: AsyncIterator[str], output: Path | None) -> None:
    if output is None:
        async for part in parts:
            sys.stdout.write(part)
        return
    with output.open("w", encoding="utf-8") as file:
        async for part in parts:
            file.write(part)


async def _remove(sessions: list[str]) -> None:
    from agentos.sessions.transcripts.keeper import open_transcripts
    from agentos.sessions.transcripts.kept_files import KeptFiles

    async with open_transcripts() as transcripts:
        found = [await transcripts.named(session) for session in sessions]
        for id in dict.fromkeys(record.id for record in found):
            await transcripts.remove(id)
            KeptFiles(id).remove()


def _cells(record: SessionRecord) -> list[str]:
    at = record.updated.astimezone().strftime("%Y-%m-%d %H:%M")
    state = "open" if record.ended is None else "ended"
    return [record.id, record.agent, record.machine, at, state, str(record.last_seq)]


def _facts(record: SessionRecord) -> list[tuple[str, str]]:
    names = ("session", "agent", "machine", "last event", "state", "events")
    told = {name: value for name, value in record.settings.items() if not isinstance(value, dict)}
    settings = [(name, str(value)) for name, value in told.items()]
    return [*zip(names, _cells(record), strict=True), *settings]


def _prompt(data: Any) -> str:
    return "\n".join(str(block.get("text") or f"[{block.get('type')}]") for block in data["prompt"])


def _table(names: list[str], rows: list[list[str]], *, heading: bool = True) -> None:
    """Print a table; a row keeps to its line, and the last column gives way."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from agentos.cli.render import printable

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 240
    table = Table(box=None, pad_edge=False, show_header=heading, header_style="bold")
    for name in names[:-1]:
        table.add_column(name, no_wrap=True, min_width=36 if name == "id" else None)
    table.add_column(names[-1], no_wrap=heading, overflow="ellipsis" if heading else "fold")
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    console.print(table)
