"""What a browser has to load before the first view is there."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

from agentos.hub.web.files import DIST

#: Bytes of script, compressed, for the first view.
MOST = 250_000
_STATIC = re.compile(r"""(?:\bfrom|\bimport)\s*["'](\./[^"']+\.js)["']""")


def needed_by(script: Path) -> set[Path]:
    """A script and all that it imports before it runs."""
    found, left = set[Path](), [script]
    while left:
        one = left.pop()
        if one not in found:
            found.add(one)
            left += [one.parent / name for name in _STATIC.findall(one.read_text())]
    return found


def weight(scripts: set[Path]) -> int:
    return sum(len(gzip.compress(one.read_bytes(), 9)) for one in scripts)


def first_view() -> set[Path]:
    entry = re.search(r'src="\./(assets/[^"]+\.js)"', (DIST / "index.html").read_text())
    assert entry
    [now] = (DIST / "assets").glob("now-*.js")
    return needed_by(DIST / entry[1]) | needed_by(now)


def test_the_first_view_is_light() -> None:
    assert weight(first_view()) < MOST


def test_the_terminal_is_loaded_when_it_is_opened() -> None:
    [terminal] = (DIST / "assets").glob("terminal_screen-*.js")
    [session] = (DIST / "assets").glob("session-*.js")
    assert terminal not in first_view() | needed_by(session)
    assert weight(first_view() | needed_by(session)) < MOST
