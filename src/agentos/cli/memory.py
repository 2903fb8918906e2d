"""`agentos memory`: what agents are to know, and what they would add to it."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agentos.cli.options import Json
from agentos.errors import ConfigInvalid

if TYPE_CHECKING:
    from agentos.memories.candidate import Candidate
    from agentos.memories.clients.entry import Entry
    from agentos.memories.inbox import Inbox
    from agentos.memories.memory import Memory

app = typer.Typer(no_args_is_help=True, help="Memories: what agents are to know.")


class Kind(StrEnum):
    """What a memory is about."""

    USER = "user"
    FEEDBACK = "feedback"
    PROJECT = "project"
    REFERENCE = "reference"


Id = Annotated[str, typer.Argument(metavar="ID", help="As inbox shows it, or its beginning.")]
Project = Annotated[
    str | None, typer.Option("--project", "-p", metavar="NAME", help="Where it holds.")
]
Type = Annotated[Kind | None, typer.Option("--type", "-t", help="What it is about.")]
Description = Annotated[
    str | None, typer.Option("--description", "-d", help="One line, for the index.")
]
Despite = Annotated[
    bool,
    typer.Option("--despite-findings", help="Take it with the secrets or personal data in it."),
]
For = Annotated[
    str | None,
    typer.Option("--for", metavar="CLIENT", help="What it gets now, by its active project."),
]
All = Annotated[bool, typer.Option("--all", "-a", help="What clients wrote themselves, too.")]


@app.command("list")
def list_memories(
    all_: All = False, project: Project = None, client: For = None, as_json: Json = False
) -> None:
    """Show the memories, and with --all what clients wrote themselves."""
    memories, entries = _memories(project, client), _entries() if all_ else ()
    if not (memories or entries or as_json):
        typer.echo("there is no memory", err=True)
    for memory in memories:
        if as_json:
            _show_json(_row(memory))
        else:
            who = memory.client or "you"
            typer.echo(
                f"{_full(memory):<36} {memory.type:<10} {who:<8} {_plain(memory.description)}"
            )
    for entry in entries:
        if as_json:
            _show_json(_entry_row(entry))
        else:
            typer.echo(f"{entry.id:<36} {entry.kind:<10} {entry.client:<8} {_plain(entry.title)}")


@app.command()
def show(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A memory, or an id of list --all or inbox.")
    ],
    as_json: Json = False,
) -> None:
    """Show a memory, one that waits for review, or what a client wrote."""
    from agentos.memories.reading import find_memory

    memories = _memories(None)
    try:
        memory = find_memory(memories, name)
    except ConfigInvalid as error:
        if not _show_other(name, as_json):
            raise error
        return
    if as_json:
        _show_json(_row(memory))
    else:
        text = _path(memory).read_text("utf-8")
        typer.echo(_plain(text) if sys.stdout.isatty() else text, nl=not text.endswith("\n"))


@app.command()
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its file's, without .md.")],
    description: Annotated[
        str, typer.Option("--description", "-d", help="One line, for the index.")
    ],
    text: Annotated[
        str | None, typer.Argument(metavar="[TEXT]", help="What it says; by default stdin.")
    ] = None,
    kind: Annotated[Kind, typer.Option("--type", "-t", help="What it is about.")] = Kind.USER,
    project: Project = None,
    despite_findings: Despite = False,
) -> None:
    """Add a memory, and show where its file is; agentos sync push brings it to clients."""
    from agentos.config import home_dir
    from agentos.memories.memory import Memory
    from agentos.memories.screening import require_clean
    from agentos.memories.writing import add_memory

    said = sys.stdin.read() if text is None else text
    now = datetime.now(UTC)
    memory = Memory(name, kind.value, description, said.strip(), project, None, now)
    if not despite_findings:
        require_clean(home_dir(), memory, f"agentos memory add {name} ...")
    typer.echo(add_memory(home_dir(), memory))


@app.command()
def search(
    query: Annotated[str, typer.Argument(metavar="QUERY", help='Words and "phrases".')],
    all_: All = False,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many passages.")] = 20,
    project: Project = None,
    client: For = None,
    as_json: Json = False,
) -> None:
    """Search the memories; exit code 1 if nothing is found."""
    from agentos.memories.search import search as find

    hits = find(query, _memories(project, client), _entries() if all_ else (), limit=limit)
    for hit in hits:
        if as_json:
            _show_json(asdict(hit))
            continue
        typer.echo(f"{hit.name}  {f'[{hit.client}] ' if hit.client else ''}{_plain(hit.title)}")
        typer.echo("".join(f"    {line}\n" for line in _plain(hit.text).splitlines()))
    raise typer.Exit(int(not hits))


@app.command()
def promote(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A project's memory, or an id of list --all.")
    ],
    despite_findings: Despite = False,
) -> None:
    """Let a project's memory hold everywhere, or make a memory of what a client wrote."""
    from agentos.config import home_dir
    from agentos.memories.reading import find_memory
    from agentos.memories.writing import promote_memory

    try:
        memory = find_memory(_memories(None), name)
    except ConfigInvalid as error:
        found = [each for each in _entries() if each.id.startswith(name)]
        if not found:
            raise error
        if (several := len({each.id for each in found})) > 1:
            raise ConfigInvalid(
                f"{several} of the memories that clients wrote begin with {name}",
                code="memory_ambiguous",
                hint="write more of the id",
            ) from None
        typer.echo(_inbox().promote(found[0], despite_findings=despite_findings))
        return
    typer.echo(promote_memory(home_dir(), memory))


@app.command()
def index() -> None:
    """Bring MEMORY.md up to date after a change by hand."""
    from agentos.config import home_dir
    from agentos.memories.index import update_indexes

    typer.echo("MEMORY.md was " + ("changed" if update_indexes(home_dir()) else "up to date"))


@app.command()
def inbox(
    pull: Annotated[
        bool, typer.Option("--pull/--no-pull", help="Look first for what clients wrote.")
    ] = True,
    as_json: Json = False,
) -> None:
    """Show what clients wrote that you have not decided on, the oldest first."""
    box = _inbox()
    if pull:
        pulled = box.pull(_entries())
        if pulled.left_out:
            typer.echo(f"agentos: {pulled.left_out} more wait until some are decided", err=True)
    waiting = box.open()
    for each in waiting:
        if as_json:
            _show_json(asdict(each) | {"clients": each.clients})
            continue
        memory = each.memory()
        badge = ", ".join(each.clients)
        typer.echo(f"{each.id}  [{badge}] {each.type}: {_plain(memory.description)}")
        for note in _notes(each):
            typer.echo(f"              {_plain(note)}")
    if not waiting and not as_json:
        typer.echo("Nothing waits for review.")


@app.command()
def accept(
    id: Id,
    name: Annotated[str | None, typer.Option("--name", help="What it is to be called.")] = None,
    kind: Type = None,
    description: Description = None,
    project: Annotated[
        str | None,
        typer.Option("--project", "-p", metavar="NAME", help='Where it holds; "" is everywhere.'),
    ] = None,
    despite_findings: Despite = False,
) -> None:
    """Make it a memory, and show where its file is; committing that is left to you."""
    from agentos.memories.candidate import Changes

    changes = Changes(name, kind.value if kind else None, description, project)
    typer.echo(_inbox().accept(id, changes, despite_findings=despite_findings))


@app.command()
def reject(
    id: Id, reason: Annotated[str | None, typer.Option("--reason", help="Why.")] = None
) -> None:
    """Leave it out; it does not come back."""
    candidate = _inbox().reject(id, reason)
    typer.echo(f"{candidate.id} is left out")


def _show_other(name: str, as_json: bool) -> bool:
    """Show what is no memory of the home: a candidate, or what a client wrote."""
    found = [each for each in _inbox().open() if each.id.startswith(name)]
    for candidate in found:
        if as_json:
            _show_json(asdict(candidate))
            continue
        texts = "\n\nor:\n\n".join((candidate.text, *candidate.variants))
        typer.echo(_plain("\n".join((*_notes(candidate), "", texts))))
    entries = [] if found else [each for each in _entries() if each.id.startswith(name)]
    for entry in entries:
        if as_json:
            _show_json(_entry_row(entry))
        else:
            typer.echo(f"[{entry.client}] {entry.path}:{entry.line}\n\n{_plain(entry.text)}")
    return bool(found or entries)


def _notes(candidate: Candidate) -> list[str]:
    first = candidate.origins[0]
    notes = [f"from {first.path}:{first.line}" + _more(len(candidate.origins) - 1, "place")]
    if candidate.project or candidate.about:
        notes.append(f"about {candidate.project or candidate.about}")
    if candidate.variants:
        notes.append(f"{len(candidate.variants)} other wordings")
    if candidate.like:
        notes.append(f"like the memory {candidate.like}")
    return notes + [f"caution: {finding}" for finding in candidate.findings]


def _more(count: int, what: str) -> str:
    return f" and {count} more {what}{'s' if count > 1 else ''}" if count else ""


def _memories(project: str | None, client: str | None = None) -> tuple[Memory, ...]:
    from agentos.config import home_dir
    from agentos.memories.reading import load_memories, memories_for

    if client is None:
        memories = load_memories(home_dir())
        return memories if project is None else memories_for(memories, project)
    if project is not None:
        raise typer.BadParameter("--for goes by the active project: leave out --project")
    from agentos.hub.settings import load_hub_settings
    from agentos.memories.current import current_memories

    return current_memories(home_dir(), load_hub_settings().projects, client)


def _entries() -> tuple[Entry, ...]:
    from agentos.memories.clients import written_by_clients

    entries, unreadable = written_by_clients(projects=_projects().values())
    for each in unreadable:
        typer.echo(f"agentos: {each}", err=True)
    return entries


def _inbox() -> Inbox:
    from agentos.config import home_dir
    from agentos.memories.inbox import Inbox

    return Inbox(home_dir(), projects=_projects())


def _projects() -> dict[str, Path]:
    from agentos.hub.settings import load_hub_settings

    return {project.name: project.path for project in load_hub_settings().projects}


def _path(memory: Memory) -> Path:
    from agentos.config import home_dir
    from agentos.memories.reading import memory_path

    return memory_path(home_dir(), memory.name, memory.project)


def _full(memory: Memory) -> str:
    from agentos.memories.reading import full_name

    return full_name(memory)


def _row(memory: Memory) -> dict[str, Any]:
    return asdict(memory) | {"path": str(_path(memory))}


def _entry_row(entry: Entry) -> dict[str, Any]:
    return asdict(entry) | {"id": entry.id}


def _show_json(row: dict[str, Any]) -> None:
    typer.echo(json.dumps(row, default=str))


def _plain(text: str) -> str:
    from agentos.cli.render import printable

    return printable(text)
