"""What a page says of itself between the two `---` at its top."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from agentos.home.front_matter import MalformedHead, find_block, values_of

STABILITIES = ("stable", "evolving", "draft")


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
    found = find_block(text)
    if found is None:
        first = text.partition("\n")[0].strip()
        unclosed = FrontMatter(mistake=(1, "the front matter does not end: add a line ---"))
        return (unclosed if first == "---" else None), text
    block, body = found
    return _parse(block), body


@lru_cache(maxsize=256)
def _parse(block: str) -> FrontMatter:
    try:
        values = values_of(block)
    except MalformedHead as error:
        return FrontMatter(mistake=(error.line, str(error)))
    stability = values.get("stability")
    scope = values.get("scope")
    return FrontMatter(
        values,
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
