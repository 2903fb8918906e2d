"""Replace a snippet that a file holds exactly."""

from __future__ import annotations

import hashlib
import re

from agentos.errors import FileRefused
from agentos.hub.files.refusals import refusals
from agentos.hub.files.results import ReplaceResult
from agentos.hub.files.text import Text, decode
from agentos.hub.files.tree import Tree
from agentos.hub.files.writing import Conditions, Current, put, read_current

_SHOWN = 20


async def replace(
    tree: Tree,
    path: str,
    old: str,
    new: str,
    *,
    expected_sha256: str | None,
    every: bool,
    encoding: str | None,
) -> ReplaceResult:
    """Put one snippet in place of another."""
    if not old:
        raise FileRefused(
            "there is no snippet to look for", code="content_invalid", path=path, hint="give old"
        )
    place = tree.locate(path)
    async with tree.target(place, mkdirs=False) as target:
        with refusals(place.shown):
            current = await read_current(tree, target, place.shown)
            Conditions(create=False, expected_sha256=expected_sha256).check(current, place.shown)
            assert current is not None, "the conditions refuse what is not there"
            text = _text(current, place.shown, encoding)
            starts = _occurrences(text.content, old)
            _check_count(starts, text.content, place.shown, every)
            data = text.encode(_replaced(text, old, new), place.shown)
            await put(target, data, current, place.shown)
    return ReplaceResult(
        path=place.shown,
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        previous_sha256=current.sha256,
        lines=[_line(text.content, start) for start in starts],
    )


def _text(current: Current, path: str, encoding: str | None) -> Text:
    text = decode(current.data, path, encoding)
    if text is None:
        raise FileRefused(
            f"{path!r} is binary", code="not_text", path=path, hint="write it as base64"
        )
    return text


def _expression(snippet: str) -> str:
    """Match the snippet with whichever line ends the file has."""
    lines = snippet.replace("\r\n", "\n").split("\n")
    return r"\r?\n".join(re.escape(line) for line in lines)


def _occurrences(content: str, old: str) -> list[int]:
    """Where the snippet begins, also where one overlaps another."""
    return [found.start() for found in re.finditer(f"(?={_expression(old)})", content)]


def _replaced(text: Text, old: str, new: str) -> str:
    """Put the new snippet in, with the line ends of the old one, or else of the file."""
    plain = new.replace("\r\n", "\n")
    windows = plain.replace("\n", "\r\n")
    usual = windows if text.newline == "crlf" else plain

    def written(found: re.Match[str]) -> str:
        if "\n" not in found[0]:
            return usual
        return windows if "\r\n" in found[0] else plain

    return re.sub(_expression(old), written, text.content)


def _check_count(starts: list[int], content: str, path: str, every: bool) -> None:
    if not starts:
        raise FileRefused(
            f"the snippet occurs 0 times in {path!r}",
            code="no_match",
            path=path,
            hint="read the file again: each character counts, also at the start of lines",
        )
    if len(starts) > 1 and not every:
        lines = ", ".join(str(_line(content, start)) for start in starts[:_SHOWN])
        more = ", ..." if len(starts) > _SHOWN else ""
        raise FileRefused(
            f"the snippet occurs {len(starts)} times in {path!r}, at the lines {lines}{more}",
            code="several_matches",
            path=path,
            hint="take in more lines around it, or set all",
        )


def _line(content: str, position: int) -> int:
    return content.count("\n", 0, position) + 1
