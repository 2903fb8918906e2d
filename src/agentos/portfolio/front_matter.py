"""What a page says of itself between the two `---` at its top."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from typing import Any

STABILITIES = ("stable", "evolving", "draft")
_BLOCK = re.compile(r"---[ \t]*\r?\n(.*?)^---[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class FrontMatter:
    """The head of a page.

    Attributes:
        values: All that it says.
        updated: When somebody last made sure that the page is true.
        stability: `stable`, `evolving` or `draft`; None if it says neither.
        scope: What the page is about.
        mistake: What is wrong with it, and in which of its lines, counted from 1.
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    updated: date | None = None
    stability: str | None = None
    scope: str | None = None
    mistake: tuple[int, str] | None = None


def split(text: str) -> tuple[FrontMatter | None, str]:
    """Return a page's front matter, if it has any, and the rest of it."""
    if not text.startswith("---"):
        return None, text
    block = _BLOCK.match(text)
    if block is None:
        first = text.partition("\n")[0].strip()
        unclosed = FrontMatter(mistake=(1, "the front matter does not end: add a line ---"))
        return (unclosed if first == "---" else None), text
    return _parse(block.group(1)), text[block.end() :]


@lru_cache(maxsize=256)
def _parse(block: str) -> FrontMatter:
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        values = yaml.load(block, loader)
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date that there is not
        mark = getattr(error, "problem_mark", None)
        line = (mark.line if mark else 0) + 2  # after the first ---
        problem = getattr(error, "problem", None) or str(error)
        return FrontMatter(mistake=(line, f"the front matter is not valid YAML: {problem}"))
    if not isinstance(values, dict):
        return FrontMatter(mistake=(2, "the front matter has no keys: write updated: 2026-01-31"))
    stability = values.get("stability")
    scope = values.get("scope")
    return FrontMatter(
        {str(key): value for key, value in values.items()},
        _day(values.get("updated")),
        stability if stability in STABILITIES else None,
        None if scope is None else str(scope),
    )


def _day(value: object) -> date | None:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
