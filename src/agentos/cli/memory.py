"""`agentos memory`: what agents are to know, and what they would add to it."""

from __future__ import annotations

import typer

app = typer.Typer(no_args_is_help=True, help="Memories: what agents are to know.")
