"""Where output goes: how wide it is, and whether it knows bold and dim.

Large libraries know more of it, and take longer to import than a report takes to make.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import Literal, Self

_STYLES = {"bold": "\x1b[1m", "dim": "\x1b[2m"}
_PLAIN = "\x1b[0m"
_USUAL_WIDTH = 80


@dataclass(frozen=True, slots=True)
class Terminal:
    """The standard output.

    Attributes:
        width: How many columns it has; None for a file or another program: it takes any line.
        styled: It knows bold and dim.
    """

    width: int | None
    styled: bool

    @classmethod
    def of_output(cls) -> Self:
        """Return what the standard output is now."""
        if not sys.stdout.isatty():
            return cls(None, False)
        return cls(_width(), os.environ.get("TERM") not in ("dumb", "unknown"))

    def print(self, text: str, style: Literal["bold", "dim"] | None = None) -> None:
        """Print a line; what is styled is so only where that is known."""
        styled = bool(style) and self.styled
        sys.stdout.write(f"{_STYLES[style]}{text}{_PLAIN}\n" if style and styled else f"{text}\n")


def _width() -> int:
    told = os.environ.get("COLUMNS", "")
    if told.isdecimal() and int(told):
        return int(told)
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or _USUAL_WIDTH
    except OSError:
        return _USUAL_WIDTH
