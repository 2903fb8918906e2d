"""`agentos sync`: one source in the AgentOS home, deployed into each client's own files."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from agentos.cli.confirm import confirm
from agentos.config import home_dir

if TYPE_CHECKING:
    from agentos.sync.merge import Side
    from agentos.sync.plan import Choices

app = typer.Typer(no_args_is_help=True, help="Keep the clients' files in step with your home.")

Clients = Annotated[
    str | None,
    typer.Option("--client", "-c", metavar="NAMES", help="Only these, such as codex,claude."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", "-n", help="Say what would change.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object, for programs.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Ours = Annotated[bool, typer.Option("--ours", help="In conflicts, take what AgentOS has.")]
Theirs = Annotated[bool, typer.Option("--theirs", help="In conflicts, leave what is there.")]
Restore = Annotated[
    list[str] | None,
    typer.Option("--restore", metavar="KEY", help="Put back this key or file that you removed."),
]


@app.command()
def push(
    client: Clients = None,
    dry_run: DryRun = False,
    as_json: Json = False,
    yes: Yes = False,
    ours: Ours = False,
    theirs: Theirs = False,
    restore: Restore = None,
) -> None:
    """Deploy your AgentOS home to the clients; what others wrote stays."""
    from agentos.cli.sync_check import current_sync
    from agentos.cli.sync_report import told_errors
    from agentos.sync.plan import Choices

    choices = Choices(_side(ours, theirs), restore=frozenset(restore or ()))
    with told_errors(as_json=as_json), current_sync().alone("push"):
        _carry_out("push", client, choices, dry_run=dry_run, as_json=as_json, yes=yes)


@app.command()
def clean(
    client: Clients = None,
    dry_run: DryRun = False,
    as_json: Json = False,
    yes: Yes = False,
    ours: Ours = False,
    theirs: Theirs = False,
) -> None:
    """Remove what is AgentOS's from the clients' files, and deploy it anew."""
    from agentos.cli.sync_check import current_sync
    from agentos.cli.sync_report import told_errors
    from agentos.sync.plan import Choices

    choices = Choices(_side(ours, theirs))
    with told_errors(as_json=as_json):
        if not (yes or dry_run):
            confirm("remove what AgentOS deployed, and deploy it anew?")
        with current_sync().alone("clean"):
            _carry_out("clean", client, choices, dry_run=dry_run, as_json=as_json, yes=yes)


@app.command()
def pull(
    client: Clients = None, dry_run: DryRun = False, as_json: Json = False, yes: Yes = False
) -> None:
    """Bring what stands in the clients' files into clients/NAME/pulled/, to look at."""
    from agentos.cli.sync_check import current_sync, deployed
    from agentos.cli.sync_report import told_errors
    from agentos.sync.pull import read_clients, replace_folder
    from agentos.sync.source import PULLED

    del yes  # nothing is asked
    sync = current_sync()
    with told_errors(as_json=as_json), sync.alone("pull"):
        _progress("reading the clients' files")
        pulled = read_clients(deployed(client), sync, home_dir())
        for each in () if dry_run else pulled:
            replace_folder(each.folder, each.files)
        _progress("")
    if as_json:
        found = {
            each.client: [str(each.folder / place) for place in sorted(each.files)]
            for each in pulled
        }
        typer.echo(json.dumps({"pulled": found, "dry_run": dry_run}, indent=2))
        return
    for each in pulled:
        verb = "would bring" if dry_run else "brought"
        typer.echo(
            f"{each.client}: {verb} {len(each.files)} files to clients/{each.client}/{PULLED}/"
        )


@app.command()
def check(client: Clients = None, as_json: Json = False) -> None:
    """Tell whether the clients' files are in step: exit 0, 1 if not, 2 if that is unknown."""
    from agentos.cli.sync_check import run_check

    raise typer.Exit(run_check(client, as_json=as_json))


@app.command()
def diff(client: Clients = None, as_json: Json = False) -> None:
    """Show what a push would change, as a diff."""
    from agentos.cli import sync_report
    from agentos.cli.sync_check import current_sync, deployed
    from agentos.cli.sync_report import told_errors
    from agentos.sync.diff import diff as written

    with told_errors(as_json=as_json):
        plan = current_sync().plan([each.desired for each in deployed(client)])
    if as_json:
        typer.echo(json.dumps(sync_report.as_dict(plan) | {"diff": written(plan)}, indent=2))
        return
    sync_report.say(written(plan).removesuffix("\n"))
    sync_report.show_conflicts(plan)


@app.command()
def undo(
    dry_run: DryRun = False,
    as_json: Json = False,
    yes: Yes = False,
    ours: Ours = False,
    theirs: Theirs = False,
) -> None:
    """Bring back what the last push or clean changed, exactly; again for the one before."""
    from agentos.cli.sync_check import current_sync
    from agentos.cli.sync_report import told_errors

    sync = current_sync()
    with told_errors(as_json=as_json), sync.alone("undo"):
        if not (yes or dry_run) and sync.state.last:
            backup = sync.store.backup(sync.state.last)
            what = f"backup {backup.number} of {backup.at}, {len(backup.files)} files"
            confirm(f"bring back {what}?")
        paths = sync.undo(side=_side(ours, theirs), dry_run=dry_run)
    if as_json:
        found = {"restored": list(map(str, paths)), "dry_run": dry_run}
        typer.echo(json.dumps(found, indent=2))
        return
    for path in paths if dry_run else ():
        typer.echo(path)
    typer.echo(f"{'would bring' if dry_run else 'brought'} back {len(paths)} files")


@app.command()
def status(client: Clients = None, as_json: Json = False) -> None:
    """Show what is deployed, what you took over, and the backups that can be undone."""
    from agentos.cli import sync_report
    from agentos.cli.sync_check import client_names, current_sync
    from agentos.cli.sync_report import told_errors
    from agentos.sync.deployment import client_named

    sync = current_sync()
    with told_errors(as_json=as_json):
        state = sync.state
        if client is not None:
            names = [client_named(name).name for name in client_names(client)]
            state = replace(state, records={name: state.of(name) for name in names})
    sync_report.show_status(state, sync.store, as_json=as_json)


def _carry_out(
    verb: str, client: str | None, choices: Choices, *, dry_run: bool, as_json: bool, yes: bool
) -> None:
    """Plan, ask where both sides changed, apply, and tell. Other syncs are kept away."""
    from agentos.cli import sync_report
    from agentos.cli.sync_check import current_sync, deployed

    sync = current_sync()
    _progress("reading the AgentOS home")
    desired = [each.desired for each in deployed(client)]
    _progress("comparing files")
    make = sync.plan_clean if verb == "clean" else sync.plan
    plan = make(desired, choices)
    _progress("")
    if plan.conflicts and not (dry_run or as_json or yes) and sys.stdin.isatty():
        plan = make(desired, sync_report.ask(plan, choices))
    number = None
    if not dry_run:
        _progress(f"writing {len(plan.edits)} files")
        number = sync.apply(plan)
        _progress("")
    if as_json:
        found = sync_report.as_dict(plan) | {"dry_run": dry_run, "backup": number}
        typer.echo(json.dumps(found, indent=2))
    else:
        sync_report.show_plan(plan, desired, dry_run=dry_run, number=number)


def _side(ours: bool, theirs: bool) -> Side | None:
    if ours and theirs:
        raise typer.BadParameter("--ours and --theirs exclude each other")
    return "ours" if ours else "theirs" if theirs else None


def _progress(doing: str) -> None:
    """Say in one line that is written over what is done, to people only."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{doing}")
        sys.stderr.flush()
