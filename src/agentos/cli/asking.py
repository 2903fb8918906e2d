"""Permission questions at the terminal."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

import typer

from agentos.errors import ConfigInvalid

if TYPE_CHECKING:
    from agentos.sessions import Permission
    from agentos.sessions.permissions import Answer, PermissionRequest


def permission_policy(word: str) -> Permission:
    """Turn `--permission` into a policy; `ask` asks at the terminal.

    Raises:
        ConfigInvalid: It is none of the three words.
    """
    if word not in ("allow", "ask", "reject"):
        raise ConfigInvalid(
            f"--permission {word}: there is no such policy", hint="use allow, ask or reject"
        )
    return Questions().ask if word == "ask" else cast("Permission", word)


class Questions:
    """Asks the person at the terminal, one question at a time; without a terminal, rejects.

    Questions go to stderr: what a program reads of stdout stays as it was.
    """

    def __init__(self) -> None:
        self._turn = asyncio.Lock()

    async def ask(self, request: PermissionRequest) -> Answer:
        """Show a request with its possible answers and return the chosen one."""
        rejected = request.first("reject_once", "reject_always")
        wanted = _wanted(request.tool_call)
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            _say(f"rejected, as there is no terminal to ask at: {wanted}")
            return rejected
        choices = {str(n): option for n, option in enumerate(request.options, 1)}
        async with self._turn:
            _say(f"may it do this?  {wanted}")
            for number, option in choices.items():
                typer.echo(f"  {number}  {_printable(option.name)}", err=True)
            while True:
                typer.echo(f"Answer 1 to {len(choices)}: ", nl=False, err=True)
                answer = await _line()
                if not answer:
                    _say("rejected, as there was no answer")
                    return rejected
                if (option_chosen := choices.get(answer.strip())) is not None:
                    return option_chosen.id


async def _line() -> str:
    """Read a line that somebody types; nobody waits for it once this is cancelled."""
    loop = asyncio.get_running_loop()
    typed: asyncio.Future[None] = loop.create_future()

    def come() -> None:
        if not typed.done():
            typed.set_result(None)

    loop.add_reader(sys.stdin.fileno(), come)
    try:
        await typed
    finally:
        loop.remove_reader(sys.stdin.fileno())
    return sys.stdin.readline()  # a terminal hands over whole lines


def _wanted(call: Mapping[str, Any]) -> str:
    from agentos.cli.render import headline

    return _printable(headline(call))


def _printable(text: str) -> str:
    from agentos.cli.render import printable

    return printable(text).replace("\n", " ")


def _say(text: str) -> None:
    typer.echo(f"\nagentos: {text}", err=True)
