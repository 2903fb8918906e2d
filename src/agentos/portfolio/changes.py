"""Watch the portfolio: which pages came, changed and went."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from agentos.errors import AgentOsError
from agentos.portfolio.pages import SCHEME, Pages

_GATHER_MS = 100
_ROUND_MS = 1000
_Seen = dict[str, tuple[int, int, int]]


@dataclass(frozen=True)
class PageChange:
    """Something that happened to a page.

    Attributes:
        kind: `added`, `changed` or `removed`.
        name: The page.
        uri: `portfolio://NAME`.
    """

    kind: Literal["added", "changed", "removed"]
    name: str
    uri: str


async def watch_pages(pages: Pages) -> AsyncGenerator[tuple[PageChange, ...], None]:
    """Go through the changes as they are made, each time those of a tenth of a second.

    What the system tells is only taken as a reason to look: an editor that writes a new file and
    renames it changes a page, whatever it did on the way. A portfolio that goes away, as while git
    changes branches, has lost its pages; the watch goes on.

    Raises:
        FileNotFoundError: The AgentOS home itself has gone.
    """
    from watchfiles import awatch

    seen = _look(pages)
    while True:
        watched = _directories(pages)
        # An empty round a second finds what happened before the watch began, and what a network's
        # file system does not tell.
        rounds = awatch(
            *watched,
            debounce=_GATHER_MS,
            step=_GATHER_MS // 2,
            recursive=False,
            rust_timeout=_ROUND_MS,
            yield_on_timeout=True,
        )
        async with aclosing(rounds):
            async for _ in rounds:
                now = _look(pages)
                if changes := _between(seen, now):
                    seen = now
                    yield changes
                if _directories(pages) != watched:
                    break  # another directory stands in its place: watch that one


def _directories(pages: Pages) -> dict[Path, int]:
    """What there is to watch, and which directories these are."""
    home = pages.directory.parent
    found = {home: os.stat(home).st_ino}
    try:
        found[pages.directory] = os.stat(pages.directory).st_ino
    except FileNotFoundError:
        pass  # the home is watched, and tells when it is back
    return found


def _look(pages: Pages) -> _Seen:
    try:
        names = pages.names()
    except AgentOsError:
        return {}  # there is no portfolio at the moment
    seen = {}
    for name in names:
        try:
            status = pages.path(name).stat()
        except FileNotFoundError:
            continue  # gone since, or a link to nothing
        seen[name] = (status.st_ino, status.st_mtime_ns, status.st_size)
    return seen


def _between(before: _Seen, now: _Seen) -> tuple[PageChange, ...]:
    changes = [PageChange("added", name, SCHEME + name) for name in now.keys() - before.keys()]
    changes += [PageChange("removed", name, SCHEME + name) for name in before.keys() - now.keys()]
    changes += [
        PageChange("changed", name, SCHEME + name)
        for name in now.keys() & before.keys()
        if now[name] != before[name]
    ]
    return tuple(sorted(changes, key=lambda change: change.name))
