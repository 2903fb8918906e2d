"""`agentos mcp`: the hub's MCP server on stdio, and MCP servers for the agents in machines."""

from __future__ import annotations

from typing import Annotated

import typer

from agentos.cli.event_loop import run_command

app = typer.Typer(help="The hub's tools over MCP, on stdin and stdout.")


@app.callback(invoke_without_command=True)
def bridge(context: typer.Context) -> None:
    """The hub's tools over MCP, on stdin and stdout.

    This is what an agent or editor is configured to start. It starts the hub when it is down,
    reads the token itself, and goes on when the hub restarts; while there is no hub it serves the
    portfolio straight from disk.
    """
    if context.invoked_subcommand is None:
        from agentos.hub.bridge.command import run

        run()


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
