"""Links of a Markdown file to files beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

_FENCE = re.compile(r"^[ \t]*(```|~~~)")
_CODE = re.compile(r"`[^`]*`")
_LINK = re.compile(r"!?\[[^\]]*\]\(\s*<?([^)\s>]+)>?(?:\s+[\"'][^)]*)?\)")
_ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:|/|#|~", re.IGNORECASE)


def dead_links(text: str, file: Path, top: Path) -> Iterator[tuple[int, str]]:
    """Yield links that lead to nothing, or out of a directory.

    Args:
        text: What the file says. Links in code are none, nor are those with tokens.
        file: Where it is; its links are relative to its directory.
        top: The directory that they must not leave.

    Yields:
        The line, counted from 1, and what is wrong.
    """
    for number, link in _links(text):
        target = unquote(link.partition("#")[0])
        if _ELSEWHERE.match(link) or "{{" in link:
            continue
        path = (file.parent / target).resolve()
        if not path.is_relative_to(top.resolve()):
            yield number, f"the link {link} leads out of the skill, which is all that a client gets"
        elif not path.exists():
            yield number, f"the link {link} leads to a file that is not there"


def _links(text: str) -> Iterator[tuple[int, str]]:
    fenced = False
    for number, line in enumerate(text.split("\n"), 1):
        if _FENCE.match(line):
            fenced = not fenced
        elif not fenced:
            for link in _LINK.findall(_CODE.sub("", line)):
                yield number, link
