"""`agentos skills`: what agents know how to do, and which client gets it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agentos.cli.options import Json

if TYPE_CHECKING:
    from agentos.skills.skill import Skill

app = typer.Typer(no_args_is_help=True, help="Skills: one source for every client.")
Name = Annotated[str, typer.Argument(metavar="NAME", help="The skill, as list shows it.")]
Switched = Annotated[str, typer.Argument(metavar="NAME", help="A skill, or with --group a group.")]
Group = Annotated[bool, typer.Option("--group", "-g", help="All skills of a group.")]
Client = Annotated[
    str | None,
    typer.Option("--client", "-c", metavar="NAME", help="For this client alone, such as codex."),
]


@app.command("list")
def list_skills(
    client: Annotated[
        str | None, typer.Option("--client", "-c", metavar="NAME", help="What this client gets.")
    ] = None,
    group: Annotated[
        str | None, typer.Option("--group", "-g", metavar="NAME", help="Those of a group.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show the skills, and which clients get each."""
    from agentos.skills.settings import load_skill_settings
    from agentos.skills.support import KEYS
    from agentos.skills.switches import is_enabled
    from agentos.skills.switching import unknown

    if client is not None and client not in KEYS:
        raise unknown(client, KEYS, "client")
    settings, skills = load_skill_settings(), _skills()
    groups_there = {each for skill in skills for each in skill.groups}
    if group is not None and group not in groups_there:
        raise unknown(group, groups_there, "group")
    if not (skills or as_json):
        typer.echo("there is no skill; `agentos skills new` begins one", err=True)
    for skill in skills:
        clients = [each for each in KEYS if is_enabled(skill, each, settings)]
        if (client and client not in clients) or (group and group not in skill.groups):
            continue
        if as_json:
            row = {
                "name": skill.name,
                "description": skill.description,
                "path": str(skill.path),
                "groups": skill.groups,
                "clients": sorted(clients),
            }
            typer.echo(json.dumps(row))
            continue
        groups = f" [{', '.join(skill.groups)}]" if skill.groups else ""
        who = "every client" if len(clients) >= len(KEYS) else ", ".join(clients) or "off"
        typer.echo(f"{skill.name:<28} {who:<22} {_plain(skill.description)}{groups}")


@app.command()
def show(
    name: Name,
    client: Annotated[
        str | None, typer.Option("--client", "-c", metavar="NAME", help="As this client gets it.")
    ] = None,
) -> None:
    """Show a skill's SKILL.md, as it is or as a client gets it."""
    from agentos.skills.reading import FILE
    from agentos.skills.support import unsupported

    skill = _skill(name)
    text = skill.text
    if client:
        from agentos.sync.skill_copies import copy_of
        from agentos.sync.workstation import Workstation

        text = copy_of(skill, client, Workstation.current())[FILE].content.decode()
        for warning in unsupported(skill, client):
            typer.echo(f"agentos: {warning}", err=True)
    typer.echo(_plain(text) if sys.stdout.isatty() else text, nl=not text.endswith("\n"))


@app.command()
def lint(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Skills; all by default.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Find what is wrong with skills; exit code 1 if anything is."""
    from agentos.config import home_dir
    from agentos.skills.lint import lint_skills
    from agentos.skills.settings import load_skill_settings

    for name in names or ():
        _directory(name)
    findings = lint_skills(home_dir(), load_skill_settings(), names or None)
    for each in findings:
        if as_json:
            row = {"path": str(each.path), "line": each.line, "level": each.level}
            typer.echo(json.dumps(row | {"message": each.message}))
        else:
            typer.echo(_plain(str(each)))
    if not findings and not as_json:
        typer.echo("The skills are in order.")
    raise typer.Exit(int(any(each.level == "error" for each in findings)))


@app.command()
def enable(name: Switched, client: Client = None, group: Group = False) -> None:
    """Give clients a skill again; agentos sync push brings it."""
    _switch(name, client, group, on=True)


@app.command()
def disable(name: Switched, client: Client = None, group: Group = False) -> None:
    """Let clients have a skill no more; agentos sync push takes it away."""
    _switch(name, client, group, on=False)


@app.command()
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Small letters and dashes.")],
    description: Annotated[
        str, typer.Option("--description", "-d", help="What it does, and when to use it.")
    ],
) -> None:
    """Begin a skill, and show where its SKILL.md is."""
    from agentos.config import home_dir
    from agentos.skills.making import new_skill

    typer.echo(new_skill(home_dir(), name, description))


def log_command(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The skill or command.")],
    client: Client = None,
    outcome: Annotated[str, typer.Option("--outcome", help="ok, or how it failed.")] = "ok",
    project: Annotated[
        str | None, typer.Option("--project", metavar="NAME", help="By default the active one.")
    ] = None,
) -> None:
    """Report to the hub that a skill or command is used."""
    from agentos.skills.reporting import report_command

    report_command(name, client=client, outcome=outcome, project=project)


def _switch(name: str, client: str | None, group: bool, *, on: bool) -> None:
    from agentos.settings.file import settings_file
    from agentos.skills.switching import switch

    switch(settings_file(), _skills(), name, on=on, client=client, group=group)
    whose = f" for {client}" if client else ""
    what = f"the group {name}" if group else name
    typer.echo(f"{what} is {'on' if on else 'off'}{whose}; agentos sync push makes it so")


def _skills() -> tuple[Skill, ...]:
    from agentos.config import home_dir
    from agentos.skills.reading import load_skills

    return load_skills(home_dir())


def _skill(name: str) -> Skill:
    from agentos.skills.reading import read_skill

    return read_skill(_directory(name))


def _directory(name: str) -> Path:
    from agentos.config import home_dir
    from agentos.skills.reading import skill_directories
    from agentos.skills.switching import unknown

    places = {place.name: place for place in skill_directories(home_dir())}
    if name not in places:
        raise unknown(name, places, "skill")
    return places[name]


def _plain(text: str) -> str:
    from agentos.cli.render import printable

    return printable(text)
