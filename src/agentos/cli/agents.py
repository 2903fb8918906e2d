"""`agentos agents`: the agents that can be started, built in and of the user's own."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from agentos.cli.event_loop import run_command

if TYPE_CHECKING:
    from agentos.agents.definition import AgentDefinition
    from agentos.software import Package

app = typer.Typer(no_args_is_help=True, help="The agents that can be started in a machine.")
Json = Annotated[bool, typer.Option("--json", help="JSON, for programs.")]
Name = Annotated[str, typer.Argument(metavar="NAME|FILE", help="Such as codex, or ./mine.toml.")]


@dataclass(frozen=True)
class _Package:
    name: str
    version: str
    installed: bool


@dataclass(frozen=True)
class _Described:
    """What there is to know of an agent."""

    name: str
    description: str
    source: str
    software: list[_Package]
    credentials: list[str]

    @property
    def installed(self) -> bool:
        return all(package.installed for package in self.software)


@app.command("list")
def list_agents(as_json: Json = False) -> None:
    """Show the agents that come with AgentOS, and those in the AgentOS home."""
    from agentos.agents import agent_names
    from agentos.errors import ConfigInvalid

    rows, faults = [], []
    for name in agent_names():
        try:
            rows.append(_describe(name))
        except ConfigInvalid as error:
            faults.append(error)
    if as_json:
        typer.echo(json.dumps([asdict(row) | {"installed": row.installed} for row in rows]))
    else:
        for row in rows:
            state = "installed" if row.installed else "not installed"
            typer.echo(f"{row.name:<16} {state:<14} {row.source:<10} {row.description}".rstrip())
    for fault in faults:
        typer.echo(f"agentos: {fault}", err=True)
    raise typer.Exit(int(bool(faults)))


@app.command()
def info(name: Name, as_json: Json = False) -> None:
    """Show what an agent needs."""
    found = _describe(name)
    if as_json:
        typer.echo(json.dumps(asdict(found) | {"installed": found.installed}, indent=2))
        return
    typer.echo(f"{found.name}: {found.description}" if found.description else found.name)
    typer.echo(f"from:     {found.source}")
    for package in found.software:
        state = "installed" if package.installed else "not installed"
        typer.echo(f"software: {package.name} {package.version}  {state}")
    if found.credentials:
        typer.echo(f"keys:     {', '.join(found.credentials)}")


@app.command()
def install(names: Annotated[list[str], typer.Argument(metavar="NAME|FILE...")]) -> None:
    """Install what agents need, at its pinned versions."""
    from agentos.agents import get_agent
    from agentos.cli.software import install_showing_progress

    wanted = [package for name in names for package in get_agent(name).software]
    layers = {layer.path: layer for layer in run_command(install_showing_progress(wanted))}
    for layer in layers.values():
        typer.echo(f"{layer.name} {layer.version}  {layer.path}")


def _describe(name: str) -> _Described:
    from agentos.agents import get_agent
    from agentos.software.store import find

    agent = get_agent(name)
    packages = [
        _Package(package.name, package.version, find(package) is not None)
        for package in _packages(agent)
    ]
    keys = list(agent.credentials)
    return _Described(agent.name, agent.description, _source(name), packages, keys)


def _packages(agent: AgentDefinition) -> list[Package]:
    from agentos.software.catalog import CATALOG, with_requirements

    return with_requirements(agent.software, CATALOG)


def _source(name: str) -> str:
    from agentos.agents.agent_file import agent_files
    from agentos.agents.built_in import BUILT_IN

    return "built in" if name in BUILT_IN else str(agent_files().get(name, name))
