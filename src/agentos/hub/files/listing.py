"""List what is in a directory, page by page."""

from __future__ import annotations

import os
import stat
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from agentos.errors import FileRefused
from agentos.hub.files.globs import Rules, compile_globs
from agentos.hub.files.names import is_git_directory, printable
from agentos.hub.files.refusals import refusals
from agentos.hub.files.results import Entry, Listing
from agentos.hub.files.selection import DEEPEST
from agentos.hub.files.tree import Place, Tree

_LATEST = 253_402_300_799  # the end of the year 9999


@dataclass(frozen=True)
class _Walk:
    """How a directory is gone through: which names, how deep, and from where on."""

    tree: Tree
    base: Place
    depth: int
    hidden: bool
    globs: Rules
    after: tuple[str, ...]

    async def entries(self, below: tuple[str, ...] = ()) -> AsyncGenerator[Entry, None]:
        """Return what is in a directory, in the order of its names, each before what is in it."""
        place = self.base.child(*below) if below else self.base
        fd = await self.tree.open(place, directory=True)
        try:
            with refusals(place.shown):
                names = self._names(fd, below)
            for name in names:
                path = (*below, name)
                try:
                    status = os.stat(name, dir_fd=fd, follow_symlinks=False)
                except FileNotFoundError:
                    continue  # it went while the listing was made
                directory = stat.S_ISDIR(status.st_mode)
                if path > self.after and self._is_wanted(path, directory=directory):
                    yield _entry(self.base.child(*path), status)
                if directory and len(path) < self.depth and not is_git_directory(name):
                    async with aclosing(self._inside(path)) as inside:
                        async for entry in inside:
                            yield entry
        finally:
            os.close(fd)

    async def _inside(self, path: tuple[str, ...]) -> AsyncGenerator[Entry, None]:
        try:
            async with aclosing(self.entries(path)) as inside:
                async for entry in inside:
                    yield entry
        except FileRefused as error:
            # Its own line is in the listing; what may not be entered, or has gone, ends there.
            if error.code not in ("permission_denied", "not_found", "not_a_directory"):
                raise

    def _names(self, fd: int, below: tuple[str, ...]) -> list[str]:
        first = self.after[len(below)] if self.after[: len(below)] == below < self.after else ""
        return sorted(
            name
            for name in os.listdir(fd)
            if name >= first
            and (self.hidden or not name.startswith("."))
            and self.tree.shows(self.base.child(*below, name))
        )

    def _is_wanted(self, path: tuple[str, ...], *, directory: bool) -> bool:
        verdict = self.globs.verdict("/".join(path), directory=directory)
        return not self.globs.includes if verdict is None else verdict


async def list_directory(
    tree: Tree, path: str, *, depth: int, glob: str | None, limit: int, hidden: bool, cursor: str
) -> Listing:
    """Return one page of what is in a directory."""
    if limit < 1 or not 1 <= depth <= DEEPEST:
        raise FileRefused(
            f"limit is at least 1, depth 1 to {DEEPEST}", code="range_invalid", path=path
        )
    base = tree.locate(path)
    try:
        globs = compile_globs((glob,) if glob else ())
    except ValueError as error:
        raise FileRefused(str(error), code="glob_invalid", path=path) from error
    walk = _Walk(tree, base, depth, hidden, globs, tuple(cursor.split("/")) if cursor else ())
    entries: list[Entry] = []
    async with aclosing(walk.entries()) as found:
        async for entry in found:
            entries.append(entry)
            if len(entries) > limit:
                break
    more = len(entries) > limit
    entries = entries[:limit]
    shown = "" if base.shown == "." else base.shown + "/"
    return Listing(
        path=base.shown,
        entries=entries,
        cursor=entries[-1].path.removeprefix(shown) if more else None,
        roots=list(tree.roots),
    )


def _entry(place: Place, status: os.stat_result) -> Entry:
    kind = _kind(status.st_mode)
    return Entry(
        path=printable(place.shown),
        type=kind,
        size=status.st_size if kind == "file" else None,
        modified=datetime.fromtimestamp(min(max(status.st_mtime, 0), _LATEST), UTC),
    )


def _kind(mode: int) -> Literal["file", "directory", "symlink", "other"]:
    if stat.S_ISREG(mode):
        return "file"
    if stat.S_ISDIR(mode):
        return "directory"
    return "symlink" if stat.S_ISLNK(mode) else "other"
