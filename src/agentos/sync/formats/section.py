"""A managed section of a text file, between markers that Markdown does not show."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_ANY_BEGIN = re.compile(r"\s*<!-- BEGIN AgentOS: (\S+) .*-->\s*")
_ANY_END = re.compile(r"\s*<!-- END AgentOS: (\S+) -->\s*")


@dataclass(frozen=True)
class Found:
    """Where a section is, in lines: from `start` to `end`, markers included.

    Attributes:
        inner: What stands in it, in lines that end with a line feed.
        strays: Further lines that are ours: orphaned markers, and copies of the section.
    """

    inner: str
    start: int
    end: int
    strays: frozenset[int]


def find(text: str, name: str, known: Sequence[str]) -> Found | None:
    """Find a section, by its markers or, where they are lost, by what it is known to hold.

    Args:
        text: The file's.
        name: The section's.
        known: What was applied last, and what is desired.
    """
    lines = text.splitlines(keepends=True)
    texts = [normal(each) for each in known if each.strip()]
    pairs, orphans = _markers(lines, name)
    blocks = [(start, end, _inner(lines[start + 1 : end - 1])) for start, end in pairs]
    chosen = next((each for each in blocks if each[2] in texts), blocks[0] if blocks else None)
    if chosen is None:
        chosen = _by_content(lines, texts, orphans)
    if chosen is None:
        return None
    copies = (
        range(start, end)
        for start, end, inner in blocks
        if start != chosen[0] and inner in (*texts, chosen[2])
    )
    strays = {line for block in copies for line in block} | orphans
    return Found(chosen[2], chosen[0], chosen[1], frozenset(strays - {*range(*chosen[:2])}))


def put(text: str, name: str, inner: str, found: Found | None, newline: str) -> str:
    """Set a section, in its place or at the end."""
    begin = f"<!-- BEGIN AgentOS: {name} (managed: change it in your AgentOS home) -->"
    end = f"<!-- END AgentOS: {name} -->"
    block = f"{begin}\n{normal(inner)}\n{end}\n".replace("\n", newline)
    if found is None:
        gap = "" if not text else newline if text.endswith("\n") else newline * 2
        return f"{text}{gap}{block}"
    lines = text.splitlines(keepends=True)
    before = _kept(lines, 0, found.start, found.strays)
    after = _kept(lines, found.end, len(lines), found.strays)
    if before and not before.endswith("\n"):
        before += newline
    if not after and not lines[found.end - 1].endswith("\n"):
        block = block.removesuffix(newline)
    return f"{before}{block}{after}"


def remove(text: str, found: Found) -> str:
    """Take a section out, with the blank line that set it off if nothing follows."""
    lines = text.splitlines(keepends=True)
    before = _kept(lines, 0, found.start, found.strays)
    after = _kept(lines, found.end, len(lines), found.strays)
    if not after:
        before = re.sub(r"\n\r?\n\Z", "\n", before)
    return before + after


def normal(text: str) -> str:
    """Bring a section's text into the form in which two are compared."""
    return text.replace("\r\n", "\n").strip("\n")


def _markers(lines: list[str], name: str) -> tuple[list[tuple[int, int]], set[int]]:
    """Pair the markers of a section; those left over are orphans."""
    pairs: list[tuple[int, int]] = []
    orphans: set[int] = set()
    start: int | None = None
    for place, line in enumerate(lines):
        begins, ends = _ANY_BEGIN.fullmatch(line), _ANY_END.fullmatch(line)
        if begins and begins[1] == name:
            if start is not None:
                orphans.add(start)
            start = place
        elif ends and ends[1] == name:
            if start is None:
                orphans.add(place)
            else:
                pairs.append((start, place + 1))
            start = None
    if start is not None:
        orphans.add(start)
    return pairs, orphans


def _inner(lines: list[str]) -> str:
    return normal("".join(lines))


def _by_content(
    lines: list[str], texts: list[str], orphans: set[int]
) -> tuple[int, int, str] | None:
    bare = [line.rstrip() for line in lines]
    for text in texts:
        wanted = [line.rstrip() for line in text.split("\n")]
        for start in range(len(lines) - len(wanted) + 1):
            end = start + len(wanted)
            if bare[start:end] == wanted:
                return start, end, text
    return None


def _kept(lines: list[str], start: int, end: int, strays: frozenset[int]) -> str:
    return "".join(lines[place] for place in range(start, end) if place not in strays)
