"""`agentos record` and `agentos replay`: a program whose model calls are on a cassette."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agentos.cli.event_loop import run_command

if TYPE_CHECKING:
    from asyncio.subprocess import Process

    from agentos.models.cassettes.cassette import Cassette

_File = Annotated[Path, typer.Argument(metavar="FILE", help="The cassette, in YAML.")]
_Command = Annotated[
    list[str], typer.Argument(metavar="-- CMD [ARG]...", help="The program to run.")
]
_Ignore = Annotated[
    list[str] | None,
    typer.Option("--ignore", metavar="PART", help="Do not compare this part of the body: tools."),
]
_Mask = Annotated[
    list[str] | None,
    typer.Option("--mask", metavar="REGEX", help="Do not compare what this matches."),
]
_NOT_FOUND, _NOT_EXECUTABLE = 127, 126


def record(
    file: _File,
    command: _Command,
    mode: Annotated[
        str, typer.Option("--mode", help="once (if there is no file), new_episodes or all.")
    ] = "once",
    route: Annotated[
        str | None,
        typer.Option("--route", metavar="PROVIDER[/MODEL]", help="For calls that name none."),
    ] = None,
    secret: Annotated[
        list[str] | None,
        typer.Option("--secret", metavar="VARIABLE", help="Keep this variable's value out, too."),
    ] = None,
    ignore: _Ignore = None,
    mask: _Mask = None,
) -> None:
    """Run a program and record its model calls: agentos record FILE -- CMD."""
    from agentos.cli.options import environment
    from agentos.models.cassettes.cassette import cassette

    hidden = environment(secret).values()
    tape = cassette(file, mode=mode, ignore=ignore or (), mask=mask or (), secrets=hidden)
    raise typer.Exit(run_command(_play(tape, command, route)))


def replay(file: _File, command: _Command, ignore: _Ignore = None, mask: _Mask = None) -> None:
    """Run a program with the model calls of a cassette, and no provider."""
    from agentos.models.cassettes.cassette import cassette

    tape = cassette(file, mode="none", ignore=ignore or (), mask=mask or ())
    raise typer.Exit(run_command(_play(tape, command)))


async def _play(cassette: Cassette, command: list[str], route: str | None = None) -> int:
    import warnings

    from agentos.errors import CassetteMismatch
    from agentos.models.cassettes.cassette import CassetteUnused
    from agentos.models.cassettes.recorder import program_environment
    from agentos.models.settings import load_settings

    settings = load_settings()
    code = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CassetteUnused)  # told below, in the command's own way
        try:
            async with (
                cassette,
                program_environment(cassette, settings, os.environ, route) as environment,
            ):
                code = await _run(command, environment)
        except CassetteMismatch:
            for mismatch in cassette.mismatches:
                _say(mismatch.message)
            _say(str(cassette.mismatches[0].hint))
            return code or 1
    for unused in cassette.unused:
        _say(f"never asked for: {unused}")
    if cassette.asks and not cassette.heard:
        _say("no model call was heard: does the program go to $OPENAI_BASE_URL?")
    if not cassette.asks and cassette.mode != "none":
        _say(f"{cassette.path} was there and was replayed; --mode all records anew")
    return code


async def _run(command: list[str], environment: dict[str, str]) -> int:
    import asyncio

    try:
        process = await asyncio.create_subprocess_exec(*command, env=environment)
    except FileNotFoundError:
        _say(f"{command[0]}: there is no such program")
        return _NOT_FOUND
    except PermissionError:
        _say(f"{command[0]}: it is not executable")
        return _NOT_EXECUTABLE
    with _signals_go_to(process):
        try:
            code = await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    return code if code >= 0 else 128 - code


@contextmanager
def _signals_go_to(process: Process) -> Iterator[None]:
    """Leave it to the program what a signal means: it ends, and then the cassette is written."""
    import asyncio

    loop = asyncio.get_running_loop()

    def forward(number: signal.Signals) -> None:
        # Ctrl-C reaches all of the terminal's foreground by itself.
        if number is not signal.SIGINT or not _in_foreground():
            process.send_signal(number)

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for number in numbers:
        loop.add_signal_handler(number, forward, number)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


def _in_foreground() -> bool:
    try:
        return os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except (OSError, ValueError):
        return False


def _say(text: str) -> None:
    typer.echo(f"agentos: {text}", err=True)
