"""Telling people why a request is not the one that was recorded."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentos.models.cassettes.tape import Interaction
from agentos.models.cassettes.tape_file import dumped, line_of

_MOST_LINES = 200
_MOST_WIDTH = 400


@dataclass(frozen=True)
class Difference:
    """How a request differs from the nearest one of a cassette.

    Attributes:
        where: The place in the file: `file:line`.
        what: The part of the request that differs first, such as `body.input.3.content.0.text`.
        diff: A unified diff, from the cassette's request to the one that came.
    """

    where: str
    what: str
    diff: str

    @classmethod
    def of(cls, path: Path, recorded: Interaction, came: Mapping[str, Any]) -> Difference:
        """Compare a request with a recorded one."""
        place, inside = _first_difference(recorded.request, came)
        line = line_of(recorded.lines, place, inside)
        where = str(path) if line is None else f"{path}:{line}"
        what = ".".join(str(step) for step in place)
        return cls(where, what, _diff(where, recorded.request, came))


def _first_difference(one: Any, other: Any) -> tuple[list[str | int], int]:
    """Find the place where two normal forms part, and the line within it."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for key in [*one, *(key for key in other if key not in one)]:
            if key not in one or key not in other:
                return [key], 0
            if one[key] != other[key]:
                place, inside = _first_difference(one[key], other[key])
                return [key, *place], inside
    if isinstance(one, list) and isinstance(other, list):
        for number, (a, b) in enumerate(zip(one, other, strict=False)):
            if a != b:
                place, inside = _first_difference(a, b)
                return [number, *place], inside
        return [min(len(one), len(other))], 0
    if isinstance(one, str) and isinstance(other, str):
        pairs = enumerate(zip(one.split("\n"), other.split("\n"), strict=False))
        return [], next((number for number, (a, b) in pairs if a != b), 0)
    return [], 0


def _diff(where: str, recorded: Mapping[str, Any], came: Mapping[str, Any]) -> str:
    lines = list(
        difflib.unified_diff(
            dumped(recorded).splitlines(),
            dumped(came).splitlines(),
            f"{where} (recorded)",
            "the request that came",
            lineterm="",
        )
    )
    if len(lines) > _MOST_LINES:
        lines[_MOST_LINES:] = [f"... {len(lines) - _MOST_LINES} more lines"]
    return "\n".join(
        line if len(line) <= _MOST_WIDTH else line[:_MOST_WIDTH] + "…" for line in lines
    )
