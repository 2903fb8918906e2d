"""Find what is wrong with pages: their front matter, their links, their age."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal
from urllib.parse import unquote

from agentos.portfolio.front_matter import STABILITIES
from agentos.portfolio.pages import SCHEME, SUFFIX, PortfolioText

#: What a model reads of every page adds up: a page of a screen or two is about this long.
LONG_BYTES = 8_000
_FENCE = re.compile(r"^[ \t]*(```|~~~)")
_CODE = re.compile(r"`[^`]*`")
_LINK = re.compile(r"!?\[[^\]]*\]\(\s*<?([^)\s>]+)>?(?:\s+[\"'][^)]*)?\)")
_ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
_HEADING = re.compile(r"^#{1,6}[ \t]+(.+?)[ \t#\r]*$", re.MULTILINE)


@dataclass(frozen=True)
class Finding:
    """Something about a page that its owner should know.

    Attributes:
        name: The page.
        line: Where, counted from 1.
        level: `error` if it is wrong, `warning` if it may be.
        message: What it is, and what to do.
    """

    name: str
    line: int
    level: Literal["error", "warning"]
    message: str


def check_page(page: PortfolioText, home: Path, directory: Path) -> list[Finding]:
    """Return what is wrong with a page.

    Args:
        page: The page.
        home: The AgentOS home, which links must not leave.
        directory: Where the page is.
    """
    found = [*_head(page), *_links(page, home, directory)]
    return sorted(found, key=lambda each: each.line)


def _head(page: PortfolioText) -> Iterator[Finding]:
    name, front = page.file.name, page.front_matter
    if front.mistake:
        yield Finding(name, front.mistake[0], "error", front.mistake[1])
    elif not front.values:
        message = "there is no front matter: begin with updated, stability and scope"
        yield Finding(name, 1, "error", message)
    else:
        yield from _values(page)
    if not _HEADING.search(page.body):
        yield Finding(name, 1, "warning", "there is no heading, which would be its title")
    if page.file.size > LONG_BYTES:
        message = f"{page.file.size} bytes are more than a page, and agents read all of it"
        yield Finding(name, 1, "warning", message)


def _values(page: PortfolioText) -> Iterator[Finding]:
    name, front = page.file.name, page.front_matter
    if front.updated is None:
        message = "updated is no date: write updated: 2026-01-31"
        yield Finding(name, _line(page, "updated"), "error", message)
    elif front.updated > date.today():  # noqa: DTZ011 - the user's day
        message = f"updated is in the future: {front.updated}"
        yield Finding(name, _line(page, "updated"), "error", message)
    if front.stability is None:
        message = f"stability is none of {', '.join(STABILITIES)}"
        yield Finding(name, _line(page, "stability"), "error", message)
    if not front.scope:
        message = "scope is missing: say in a few words what the page is about"
        yield Finding(name, _line(page, "scope"), "error", message)
    if page.file.stale and front.updated:
        message = f"it is evolving, and was last updated on {front.updated}: read it again"
        yield Finding(name, _line(page, "updated"), "warning", message)


def _line(page: PortfolioText, key: str) -> int:
    for number, line in enumerate(page.text.splitlines(), 1):
        if line.startswith(f"{key}:"):
            return number
    return 1


def _links(page: PortfolioText, home: Path, directory: Path) -> Iterator[Finding]:
    fenced = False
    before = page.text[: len(page.text) - len(page.body)].count("\n")
    for number, line in enumerate(page.body.split("\n"), before + 1):
        if _FENCE.match(line):
            fenced = not fenced
        elif not fenced:
            for link in _LINK.findall(_CODE.sub("", line)):
                if wrong := _wrong(link, page, home, directory):
                    yield Finding(page.file.name, number, "error", f"the link {link} {wrong}")


def _wrong(link: str, page: PortfolioText, home: Path, directory: Path) -> str | None:
    """What is wrong with a link; nobody is asked whether pages of the web are there."""
    target, _, anchor = link.partition("#")
    if target.lower().startswith(SCHEME):
        target = target[len(SCHEME) :].removesuffix(SUFFIX) + SUFFIX
    elif _ELSEWHERE.match(target):
        return None
    path = (directory / unquote(target)).resolve() if target else None
    if path and not path.is_relative_to(home.resolve()):
        return "leads out of the AgentOS home, where agents cannot follow"
    if path and not path.exists():
        return "leads to a file that is not there"
    if not anchor or (path and (path.suffix != SUFFIX or not path.is_file())):
        return None
    text = path.read_text(errors="replace") if path else page.body
    if unquote(anchor).lower() not in _anchors(text):
        return "leads to a heading that is not there"
    return None


def _anchors(text: str) -> set[str]:
    """The names by which headings are linked to, as GitHub and editors make them."""
    anchors: set[str] = set()
    for heading in _HEADING.findall(text):
        words = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        again = sum(1 for each in anchors if each == words or each.startswith(f"{words}-"))
        anchors.add(f"{words}-{again}" if words in anchors else words)
    return anchors
