"""Questions that a person, or whoever writes into a pipe, answers before something is done."""

from __future__ import annotations

import sys

import typer

from agentos.errors import AgentOsError

_ANSWERS = {"y": True, "yes": True, "n": False, "no": False, "": False}


def confirm(question: str) -> None:
    """Ask whether to go on, and return after a yes.

    Raises:
        AgentOsError: Nobody answered.
        typer.Exit: The answer was no.
    """
    said = None
    while said not in _ANSWERS:
        said = answer(f"{question} [y/N]: ", hint="--yes does it without asking")
    if not _ANSWERS[said]:
        typer.echo("agentos: nothing was done", err=True)
        raise typer.Exit(1)


def answer(question: str, *, hint: str) -> str:
    """Ask on stderr, of which no program reads what it is told, and return the line typed.

    Args:
        question: What is asked, to the sign after which one types.
        hint: What to do where nobody can answer.

    Raises:
        AgentOsError: Nobody answered.
    """
    typer.echo(question, nl=False, err=True)
    line = sys.stdin.buffer.readline().decode(errors="replace")
    if not line:
        typer.echo(err=True)
        asked = question.partition(" [")[0].rstrip(": ")
        raise AgentOsError(f"nobody answered: {asked}", code="unanswered", hint=hint)
    return line.strip().lower()
