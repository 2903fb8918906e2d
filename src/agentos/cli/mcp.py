"""`agentos mcp`: MCP servers for the agents in machines."""

from __future__ import annotations

from typing import Annotated

import typer

from agentos.cli.event_loop import run_command

app = typer.Typer(no_args_is_help=True, help="MCP servers for the agents in machines.")


@app.callback()
def _group() -> None:
    """MCP servers for the agents in machines."""


@app.command()
def preinstall(
    servers: Annotated[
        list[str],
        typer.Argument(metavar="SERVER...", help="npm:NAME@VERSION or pypi:NAME==VERSION"),
    ],
) -> None:
    """Install MCP servers for all machines, and print their programs.

    A program is started by McpServer(command=...), without a download and without a word
    on stdout that is not the protocol's. `agentos software remove` removes them.
    """
    from agentos.software.mcp_server import preinstall, programs

    for server in servers:
        for program in programs(run_command(preinstall(server))):
            typer.echo(program)
