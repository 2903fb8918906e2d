"""What a docstring says of a function and of its parameters."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

_HEADING = re.compile(r"(Args|Arguments|Parameters):\s*")
_SECTION = re.compile(r"[A-Z]\w*( \w+)?:\s*")
_PARAMETER = re.compile(r"\*{0,2}(\w+)(?:\s*\([^)]*\))?:\s*(.*)")


def explained(function: Callable[..., Any]) -> tuple[str, dict[str, str]]:
    """Part a docstring into its description and what `Args:` says of each parameter."""
    about: list[str] = []
    parameters: dict[str, str] = {}
    name, inside = "", False
    for line in (inspect.getdoc(function) or "").splitlines():
        if _HEADING.fullmatch(line):
            inside, name = True, ""
        elif not inside:
            about.append(line)
        elif _SECTION.fullmatch(line):
            inside = False
            about.append(line)
        elif (found := _PARAMETER.fullmatch(line.strip())) and _indent(line) <= _FIRST:
            name = found[1]
            parameters[name] = found[2]
        elif name and line.strip():
            parameters[name] += f" {line.strip()}"
    return "\n".join(about).strip(), parameters


_FIRST = 4


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
