"""What `agentos sync` says: to people in lines and a table, to programs as JSON."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentos.config import user_home
from agentos.errors import AgentOsError, SyncConflict
from agentos.sync.merge import Moved, Side
from agentos.sync.plan import Change, Choices, Conflict, Plan
from agentos.sync.values import ABSENT, Obstacle, show

if TYPE_CHECKING:
    from agentos.sync.desired import Desired
    from agentos.sync.state import Record, State
    from agentos.sync.store import Store

_MOST_LINES = 40
_MOST_BACKUPS = 5
_MOVED = {
    Moved.SOURCE: "AgentOS changed",
    Moved.FILE: "the file changed",
    Moved.BOTH: "both changed",
}
_ACTIONS = ("add", "change", "remove", "keep")


def as_dict(plan: Plan) -> dict[str, Any]:
    """Bring a plan into the form of JSON."""
    return {
        "in_sync": plan.in_sync,
        "changes": [
            {
                **_thing(each),
                "action": each.action,
                "before": _value(each.before),
                "after": _value(each.after),
            }
            for each in plan.changes
        ],
        "conflicts": [
            {**_thing(each), "ours": _value(each.ours), "theirs": _value(each.theirs)}
            for each in plan.conflicts
        ],
        "files": [str(edit.path) for edit in plan.edits],
        "warnings": list(plan.warnings),
    }


def drift(plan: Plan) -> str:
    """Say of each thing that is not in step which side moved."""
    things: list[Change | Conflict] = [*plan.conflicts, *plan.changes]
    lines = [
        f"{each.client}  {_name(each)}  {_MOVED[each.moved]}{_what(each)}"
        for each in things[:_MOST_LINES]
    ]
    if len(things) > _MOST_LINES:
        lines.append(f"... and {len(things) - _MOST_LINES} more")
    return "\n".join(lines) if lines else "in sync"


def show_plan(plan: Plan, desired: Sequence[Desired], *, dry_run: bool, number: int | None) -> None:
    """Sum up what a push did, or would do."""
    for warning in plan.warnings:
        say(f"warning: {warning}", err=True)
    if dry_run:
        say(drift(plan))
    counts = {each.client: Counter[str]() for each in desired}
    for change in plan.changes:
        counts[change.client][change.action] += 1
    for conflict in plan.conflicts:
        counts[conflict.client]["conflict"] += 1
    say(f"{'client':<10}" + "".join(f"{each:>10}" for each in (*_ACTIONS, "conflict")))
    for client, found in counts.items():
        numbers = (found[each] for each in (*_ACTIONS, "conflict"))
        say(f"{client:<10}" + "".join(f"{each:>10}" for each in numbers))
    if dry_run and plan.conflicts:
        say("a push stops at what both sides changed: choose with --ours or --theirs")
    if number is not None:
        files = _counted(len(plan.edits), "files")
        say(f"{files} written; `agentos sync undo` takes it back (backup {number})")
    elif not dry_run:
        say("no file had to be changed")


def show_conflicts(plan: Plan) -> None:
    """Say what has to be chosen."""
    for each in plan.conflicts:
        say(f"conflict: {_name(each)}  {_MOVED[each.moved]}{_what(each)}")


def ask(plan: Plan, choices: Choices) -> Choices:
    """Have the user choose about each conflict.

    Raises:
        typer.Exit: They would rather not.
    """
    import typer

    from agentos.cli.confirm import answer

    sides: dict[str, Side] = {}
    for conflict in plan.conflicts:
        say(f"\n{_name(conflict)}: {_MOVED[conflict.moved]}")
        say(f"  AgentOS   {_short(conflict.ours)}")
        say(f"  the file  {_short(conflict.theirs)}")
        said = ""
        while said not in ("o", "t", "q"):
            said = answer(
                "take AgentOS's (o)urs, leave (t)heirs, or (q)uit? ",
                hint="--ours or --theirs answers for all of them",
            )[:1]
        if said == "q":
            say("agentos: nothing was done", err=True)
            raise typer.Exit(1)
        sides[str(conflict)] = "ours" if said == "o" else "theirs"
    return replace(choices, sides=sides)


def show_status(state: State, store: Store, *, as_json: bool) -> None:
    """Say what is deployed and what can be undone."""
    clients = {client: _counts(list(files.values())) for client, files in state.records.items()}
    yours = {client: list(_yours(files)) for client, files in state.records.items()}
    numbers = store.backups(state)
    if as_json:
        named = {
            client: [{"path": str(path), "name": name} for path, name in things]
            for client, things in yours.items()
        }
        say(json.dumps({"clients": clients, "yours": named, "backups": numbers}, indent=2))
        return
    if not clients:
        say("nothing is deployed; `agentos sync push` does it")
    for client, counts in clients.items():
        words = ", ".join(_counted(count, name) for name, count in counts.items() if count)
        say(f"{client:<10}{words}")
        for path, name in yours[client]:
            say(f"{'':<10}yours: {_short_name(path, name)}")
    for backup in reversed(list(islice(store.heads(state), _MOST_BACKUPS))):
        say(f"backup {backup.number}  {backup.at}  {_counted(len(backup.files), 'files')}")


@contextmanager
def told_errors(*, as_json: bool) -> Iterator[None]:
    """Tell programs what went wrong as they are told the rest; people are told by the caller.

    Raises:
        SystemExit: Programs were told.
    """
    try:
        yield
    except (AgentOsError, OSError) as error:
        if not as_json:
            raise
        show_error(error, as_json=True)
        raise SystemExit(1) from error


def show_error(error: AgentOsError | OSError, *, as_json: bool) -> None:
    """Say why it is unknown whether all is in step, or why nothing was done."""
    if as_json:
        code = error.code if isinstance(error, AgentOsError) else "os_error"
        said: dict[str, Any] = {"code": code, "message": str(error)}
        if isinstance(error, SyncConflict):
            said["names"] = list(error.names)
        say(json.dumps({"error": said}, indent=2))
        return
    message = error.message if isinstance(error, AgentOsError) else str(error)
    say(f"agentos: {message}", err=True)
    if isinstance(error, AgentOsError) and error.hint:
        say(f"         {error.hint}", err=True)


def say(text: str, *, err: bool = False) -> None:
    """Write a line, in signs that any terminal can be sent."""
    stream = sys.stderr if err else sys.stdout
    stream.write(text.encode(errors="backslashreplace").decode() + "\n")


def _yours(files: Mapping[Path, Record]) -> Iterator[tuple[Path, str]]:
    """Yield what the user removed, or has another value of."""
    for path, record in files.items():
        yield from ((path, name) for name, known in record.things.items() if known.yielded)


def _counted(count: int, things: str) -> str:
    return f"{count} {things.removesuffix('s') if count == 1 and things != 'yours' else things}"


def _counts(records: Sequence[Record]) -> dict[str, int]:
    known = [each for record in records for each in record.keys.values()]
    sections = [each for record in records for each in record.sections.values()]
    files = [record.whole for record in records if record.whole]
    return {
        "keys": sum(not each.yielded for each in known),
        "sections": sum(not each.yielded for each in sections),
        "files": sum(not each.yielded for each in files),
        "yours": sum(each.yielded for each in (*known, *sections, *files)),
    }


def _thing(each: Change | Conflict) -> dict[str, str]:
    return {
        "client": each.client,
        "path": str(each.path),
        "name": each.name,
        "moved": each.moved.value,
    }


def _value(value: Any) -> Any:
    if value is ABSENT:
        return None
    if isinstance(value, Obstacle):
        return show(value)
    return json.loads(json.dumps(value, default=str))


def _name(each: Change | Conflict) -> str:
    return _short_name(each.path, each.name)


def _short_name(path: Path, name: str) -> str:
    home = user_home()
    short = f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)
    return f"{short}: {name}" if name else short


def _what(each: Change | Conflict) -> str:
    if isinstance(each, Conflict):
        if not each.name:
            return ", and has to be chosen"
        return f": {_short(each.theirs)} there, {_short(each.ours)} here"
    if each.action == "keep":
        return ": removed there" if each.after is ABSENT else ": yours there"
    if not each.name or each.action == "remove":
        return f": to {each.action}"
    return f": to {each.action}, {_short(each.after)}"


def _short(value: Any) -> str:
    text = show(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
