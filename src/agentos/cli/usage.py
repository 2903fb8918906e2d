"""`agentos usage`: what agents used, and what it cost."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from agentos.cli.event_loop import run_command
from agentos.cli.options import MOST_ROWS
from agentos.errors import AgentOsError, ConfigInvalid

if TYPE_CHECKING:
    from agentos.usage.calendar import Period
    from agentos.usage.rows import Group
    from agentos.usage.selection import Selection

_UNITS = {"h": "hours", "d": "days", "w": "weeks"}

app = typer.Typer(help="What agents used, and what it cost.")


class By(StrEnum):
    """What a report is made by."""

    DAY = "day"
    HOUR = "hour"
    WEEK = "week"
    MONTH = "month"
    MODEL = "model"
    PROJECT = "project"
    CLIENT = "client"
    SESSION = "session"
    PROFILE = "profile"
    AGENT = "agent"
    PROVIDER = "provider"
    SOURCE = "source"
    TIER = "tier"


Groups = Annotated[
    list[By] | None, typer.Option("--by", help="What to sum up by; several times for several.")
]
Since = Annotated[
    str | None,
    typer.Option("--since", metavar="TIME", help="From then on: 2026-05-01, or 7d ago."),
]
Until = Annotated[str | None, typer.Option("--until", metavar="TIME", help="Before then.")]
Zone = Annotated[
    str | None, typer.Option("--tz", metavar="ZONE", help="Days of this zone: Europe/Berlin.")
]
Client = Annotated[str | None, typer.Option("--client", "-c", help="Only of this client.")]
Project = Annotated[str | None, typer.Option("--project", "-p", help="Only of this directory.")]
Model = Annotated[str | None, typer.Option("--model", "-m", help="Only of this model.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object, for programs.")]
Csv = Annotated[bool, typer.Option("--csv", help="Lines of comma-separated values.")]
Offline = Annotated[
    bool, typer.Option("--no-read", help="Tell what the ledger has, without reading what is new.")
]


@app.callback(invoke_without_command=True)
def usage(
    context: typer.Context,
    by: Groups = None,
    since: Since = None,
    until: Until = None,
    tz: Zone = None,
    client: Client = None,
    project: Project = None,
    model: Model = None,
    as_json: Json = False,
    as_csv: Csv = False,
    no_read: Offline = False,
) -> None:
    """Tell what agents used and what it cost: of all times, or since and until some."""
    said = (by, since, until, tz, client, project, model, as_json, as_csv, no_read)
    if context.invoked_subcommand is None:
        _tell(None, *said)
    elif any(said):
        raise ConfigInvalid(
            f"options of {context.invoked_subcommand} stand before it",
            hint=f"write agentos usage {context.invoked_subcommand} --by model, say",
        )


def _command(period: Period) -> Callable[..., None]:
    def tell(
        by: Groups = None,
        tz: Zone = None,
        client: Client = None,
        project: Project = None,
        model: Model = None,
        as_json: Json = False,
        as_csv: Csv = False,
        no_read: Offline = False,
    ) -> None:
        _tell(period, by, None, None, tz, client, project, model, as_json, as_csv, no_read)

    return tell


app.command("today", help="Tell what agents used today, hour by hour.")(_command("today"))
app.command("week", help="Tell what agents used this week, from Monday.")(_command("week"))
app.command("month", help="Tell what agents used this month.")(_command("month"))


@app.command()
def live(
    by: Annotated[By, typer.Option("--by", help="What to sum up by.")] = By.MODEL,
    tz: Zone = None,
    every: Annotated[
        float, typer.Option("--every", min=0.2, help="Seconds between two looks.")
    ] = 2.0,
) -> None:
    """Watch what agents use today; Ctrl-C ends it."""
    import asyncio

    from agentos.cli.usage_live import watch

    if not sys.stdout.isatty():
        raise AgentOsError(
            "`agentos usage live` draws on a terminal, and this is none",
            code="no_terminal",
            hint="`agentos usage today` prints it once; with --json for programs",
        )
    with contextlib.suppress(KeyboardInterrupt):  # its ordinary end
        asyncio.run(watch(_group(by), tz, every))


@app.command()
def session(
    id: Annotated[str, typer.Argument(metavar="ID", help="A session, or the beginning of it.")],
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, max=MOST_ROWS, help="At most so many calls.")
    ] = 1000,
    tz: Zone = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object a line, for programs.")
    ] = False,
) -> None:
    """Tell what a session used, call by call, with the line that each is written on."""
    from agentos.cli import usage_calls
    from agentos.usage.calendar import zone
    from agentos.usage.questions import session_calls
    from agentos.usage.settings import load_usage_settings

    settings = load_usage_settings()
    calls = run_command(session_calls(id, limit=limit))
    if as_json:
        for call in calls:
            typer.echo(json.dumps(usage_calls.plain_call(call)))
        return
    usage_calls.show_calls(calls, zone(tz or settings.time_zone), settings.currency)


@app.command()
def doctor(
    since: Since = None,
    until: Until = None,
    tz: Zone = None,
    client: Client = None,
    project: Project = None,
    model: Model = None,
    session: Annotated[str | None, typer.Option("--session", help="Only of this session.")] = None,
    lines: Annotated[
        int,
        typer.Option(
            "--lines", "-n", min=0, max=MOST_ROWS, help="Show the lines of so many calls."
        ),
    ] = 0,
    as_json: Json = False,
    no_read: Offline = False,
) -> None:
    """Explain a number: the files and lines that it comes from, and what could not be counted."""
    from agentos.cli import usage_doctor

    chosen = _selection(since, until, tz, client, project, model)
    if session is not None:
        chosen = replace(chosen, sessions=(session,))
    found = run_command(usage_doctor.explained(chosen, lines, not no_read))
    (usage_doctor.show_json if as_json else usage_doctor.show)(found)


@app.command()
def statusline(
    tz: Zone = None,
) -> None:
    """Print a line for the status bar of Codex or Claude Code, which may send its session."""
    from agentos.usage import statusline as line

    typer.echo(line.text(line.told(sys.stdin), tz))


def _tell(
    period: Period | None,
    by: list[By] | None,
    since: str | None,
    until: str | None,
    tz: str | None,
    client: str | None,
    project: str | None,
    model: str | None,
    as_json: bool,
    as_csv: bool,
    no_read: bool,
) -> None:
    from agentos.cli.usage_report import show_report
    from agentos.usage.questions import report

    if as_json and as_csv:
        raise ConfigInvalid("a report has one form", hint="take one of --json and --csv")
    groups = [_group(each) for each in by or [By.HOUR if period == "today" else By.DAY]]
    chosen = _selection(since, until, tz, client, project, model)
    found = run_command(report(period, by=groups, selection=chosen, time_zone=tz, read=not no_read))
    show_report(found, as_json=as_json, as_csv=as_csv)


def _group(by: By) -> Group:
    return by.value


def _selection(
    since: str | None,
    until: str | None,
    tz: str | None,
    client: str | None,
    project: str | None,
    model: str | None,
) -> Selection:
    from agentos.usage.selection import Selection

    def only(said: str | None) -> tuple[str, ...]:
        return () if said is None else (said,)

    return Selection(
        since=None if since is None else _moment("--since", since, tz),
        until=None if until is None else _moment("--until", until, tz),
        clients=only(client),
        projects=() if project is None else only(os.path.abspath(os.path.expanduser(project))),
        models=only(model if model is None else model.rpartition("/")[2]),
        providers=only(model.rpartition("/")[0] if model and "/" in model else None),
    )


def _moment(option: str, said: str, tz: str | None) -> datetime:
    """Read how long ago, or when in the zone."""
    from agentos.usage.calendar import zone
    from agentos.usage.settings import load_usage_settings

    try:
        if ago := re.fullmatch(r"(\d+)([hdw])", said):
            return datetime.now(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        found = datetime.fromisoformat(said)
        if found.tzinfo is None:
            found = found.replace(tzinfo=zone(tz or load_usage_settings().time_zone))
        return found.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ConfigInvalid(
            f"{option} {said}: there is no such time",
            code="time_invalid",
            hint="write 12h, 7d, 4w, or a time such as 2026-05-01 or 2026-05-01T12:00",
        ) from error
