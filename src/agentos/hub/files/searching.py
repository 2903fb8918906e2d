"""Search the lines of files."""

from __future__ import annotations

import codecs
import os
from collections.abc import AsyncGenerator
from contextlib import aclosing

from agentos.errors import FileRefused
from agentos.hub.files.names import printable
from agentos.hub.files.query import LARGEST, Query
from agentos.hub.files.refusals import refusals
from agentos.hub.files.results import FoundFile, FoundLine, SearchResult
from agentos.hub.files.ripgrep import MOST_CANDIDATES
from agentos.hub.files.selection import Selection
from agentos.hub.files.tree import Place, Tree
from agentos.machine.blocking_io import in_thread, read_all

_LONGEST = 500
#: So many files are matched in one go in a thread.
_BATCH = 32
MOST_CONTEXT = 20


async def search(
    tree: Tree, path: str, query: Query, *, context: int, limit: int, ripgrep: bool = True
) -> SearchResult:
    """Return the lines that match, ordered by path and line."""
    if limit < 1 or not 0 <= context <= MOST_CONTEXT:
        raise FileRefused(
            f"limit is at least 1, context 0 to {MOST_CONTEXT}", code="range_invalid", path=path
        )
    _ = query.compiled  # refuses before anything is read
    base = tree.locate(path)
    try:
        os.close(await tree.open(base, directory=True))
    except FileRefused as error:
        if error.code != "not_a_directory":
            raise
        found = await _match(tree, [base], query, context)
        if not found:
            os.close(await tree.open(base))  # says what is wrong with it
        return _result(found, limit, more=False)
    return await _search_below(tree, base, query, context, limit, ripgrep)


async def _search_below(
    tree: Tree, base: Place, query: Query, context: int, limit: int, ripgrep: bool
) -> SearchResult:
    selection = Selection(tree, base, query)
    proposed = await tree.candidates(base, query) if ripgrep else None
    if proposed is None:
        ahead = _walk(tree, base, selection)
    else:
        ahead = _taken(base, selection, sorted(proposed))
    found: list[FoundFile] = []
    matches = 0
    batch: list[Place] = []
    async with aclosing(ahead):
        async for place in ahead:
            batch.append(place)
            if len(batch) < _BATCH:
                continue
            found += await _match(tree, batch, query, context)
            batch = []
            matches = sum(line.match for file in found for line in file.lines)
            if matches > limit:
                break
    found += await _match(tree, batch, query, context)
    cut = proposed is not None and len(proposed) >= MOST_CANDIDATES
    return _result(found, limit, more=cut)


async def _taken(
    base: Place, selection: Selection, paths: list[tuple[str, ...]]
) -> AsyncGenerator[Place, None]:
    for path in paths:
        if await selection.takes_file(path):
            yield base.child(*path)


async def _walk(
    tree: Tree, base: Place, selection: Selection, below: tuple[str, ...] = ()
) -> AsyncGenerator[Place, None]:
    """Go through the files below a directory in the order of their names."""
    for name, directory in await _names(tree, base.child(*below) if below else base):
        path = (*below, name)
        if not directory:
            if await selection.takes_file(path):
                yield base.child(*path)
        elif await selection.takes_directory(path):
            async with aclosing(_walk(tree, base, selection, path)) as inside:
                async for place in inside:
                    yield place


async def _names(tree: Tree, place: Place) -> list[tuple[str, bool]]:
    """The files and directories in a directory, without links; none if it cannot be read."""
    try:
        fd = await tree.open(place, directory=True)
    except FileRefused:
        return []  # as ripgrep, which was told to go on
    try:
        with os.scandir(fd) as entries:
            found = [
                (entry.name, entry.is_dir(follow_symlinks=False))
                for entry in entries
                if entry.is_dir(follow_symlinks=False) or entry.is_file(follow_symlinks=False)
            ]
    finally:
        os.close(fd)
    return sorted(found)


async def _match(tree: Tree, places: list[Place], query: Query, context: int) -> list[FoundFile]:
    opened: list[tuple[Place, int]] = []
    try:
        for place in places:
            try:
                opened.append((place, await tree.open(place)))
            except FileRefused:
                continue  # hard-linked, not readable, or gone since
        return await in_thread(_match_opened, opened, query, context) if opened else []
    finally:
        for _, fd in opened:
            os.close(fd)


def _match_opened(opened: list[tuple[Place, int]], query: Query, context: int) -> list[FoundFile]:
    found = []
    for place, fd in opened:
        with refusals(place.shown):
            lines = _lines(fd, query, context)
        if lines:
            found.append(FoundFile(path=printable(place.shown), lines=lines))
    return found


def _lines(fd: int, query: Query, context: int) -> list[FoundLine]:
    text = _text(fd)
    if not text or not query.occurs_in(text):
        return []
    lines = [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]
    matching = set(query.matching_lines(lines))
    wanted = {
        number
        for match in matching
        for number in range(max(0, match - context), min(len(lines), match + context + 1))
    }
    return [
        FoundLine(line=number + 1, text=_shown(lines[number]), match=number in matching)
        for number in sorted(wanted)
    ]


def _text(fd: int) -> str | None:
    """Read a file as ripgrep does: UTF-16 by its mark, else UTF-8; with a NUL it is no text."""
    if os.fstat(fd).st_size > LARGEST:
        return None
    data = read_all(fd, 0, LARGEST)
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        text = data.decode("utf-16", "replace")
    else:
        text = data.removeprefix(codecs.BOM_UTF8).decode("utf-8", "surrogateescape")
    return None if "\0" in text else text


def _shown(line: str) -> str:
    return printable(line[:_LONGEST])


def _result(found: list[FoundFile], limit: int, *, more: bool) -> SearchResult:
    """Keep so many matches, and the context around them."""
    left = limit
    files = []
    for file in found:
        lines = []
        for line in file.lines:
            if line.match and left == 0:
                more = True
                break
            left -= line.match
            lines.append(line)
        if any(line.match for line in lines):
            files.append(FoundFile(path=file.path, lines=lines))
        if more and left == 0:
            break
    return SearchResult(files=files, matches=limit - left, truncated=more)
