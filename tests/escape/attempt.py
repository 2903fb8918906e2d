"""What an attempt is: a small program in a machine, and what it may show at most."""

from __future__ import annotations

import re
from dataclasses import dataclass

#: Every step of the program was refused with an error of the kernel.
REFUSED = r"(E[A-Z0-9]+\s*)+"
#: The program ended with an error of its own; that there is none such is no proof (127).
FAILED = r"exit (?!127)\d+"
#: It found nothing to show.
NOTHING = r""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A try to get out, or to see out, in a form that does no damage if it succeeds.

    Attributes:
        name: What is tried.
        program: Shell, or Python if it is the source of several statements for `kit`.
        held: A regular expression for all that it prints, or for `exit N` if it fails.
        python: Whether the program is Python, with everything of `kit.py` at hand.
        by_root: The same as `held` for root of the machine, where that one may do more: to its own
            files and ids, never to the host's.
    """

    name: str
    program: str
    held: str = REFUSED
    python: bool = True
    by_root: str | None = None

    def command(self) -> list[str]:
        if self.python:
            return ["python3", "-c", "from kit import *\n" + self.program]
        return ["sh", "-c", self.program]

    def holds(self, shown: str) -> bool:
        return re.fullmatch(self.held, shown) is not None


def shell(name: str, program: str, held: str = FAILED, by_root: str | None = None) -> Attempt:
    """An attempt by tools that every system has."""
    return Attempt(name, program, held, python=False, by_root=by_root)


def summary(exit_code: int, stdout: str) -> str:
    """What an attempt showed, as `Attempt.held` sees it."""
    return f"exit {exit_code}" if exit_code else stdout.strip()
