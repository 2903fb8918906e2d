"""Managed markers in TOML: comments that show people which lines are ours.

What is ours is known by key. So the markers are not looked at; whenever a file is written, they
are taken out and set anew around the lines that are ours alone.
"""

from __future__ import annotations

import re
from collections.abc import Set

from agentos.sync.desired import KeyPath
from agentos.sync.formats.toml_scan import Comment, Statement, scan

BEGIN = "# >>> AgentOS: managed by `agentos sync` >>>"
END = "# <<< AgentOS <<<"
_MARKER = re.compile(r"# (>>> AgentOS: .*>>>|<<< AgentOS <<<)")


def without_markers(text: str) -> str:
    """Take all markers out."""
    for statement in reversed(scan(text)):
        if isinstance(statement, Comment) and _MARKER.fullmatch(statement.text):
            text = text[: statement.start] + text[statement.end :]
    return text


def with_markers(text: str, ours: Set[KeyPath], newline: str) -> str:
    """Set markers around each run of lines that are ours alone.

    Args:
        text: A text without markers.
        ours: Our keys, and the tables that we made.
        newline: How its lines end.
    """
    for start, end in reversed(_runs(text, ours)):
        last = "" if text[end - 1] == "\n" else newline
        block = f"{BEGIN}{newline}{text[start:end]}{last}{END}{newline}"
        text = text[:start] + block + text[end:]
    return text


def _runs(text: str, ours: Set[KeyPath]) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    joins = False
    for statement in scan(text):
        if not _is_ours(statement, ours):
            joins = False
            continue
        start = runs.pop()[0] if joins else statement.start
        runs.append((start, statement.end))
        joins = True
    return runs


def _is_ours(statement: Statement, ours: Set[KeyPath]) -> bool:
    return not isinstance(statement, Comment) and statement.path in ours
