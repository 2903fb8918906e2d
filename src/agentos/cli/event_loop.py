"""Run a command's coroutine; Ctrl-C ends it in good order."""

from __future__ import annotations

from collections.abc import Coroutine
from contextlib import closing
from typing import Any, TypeVar

import typer

Result = TypeVar("Result")


def run_command(command: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine to its end; an interrupt cancels it and becomes exit code 130."""
    with closing(command):  # an interrupt may come before it is begun
        try:
            return _run(command)
        except KeyboardInterrupt:
            raise typer.Exit(130) from None


def _run(command: Coroutine[Any, Any, Result]) -> Result:
    import asyncio  # a sixth of a command that prints its help

    try:
        return asyncio.run(command)
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
