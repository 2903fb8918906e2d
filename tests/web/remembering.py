"""Memories for pages to show: the home's, and what three clients wrote."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.web.conftest import Place

RULE = (
    "Before every commit in this repository run the linter and then the tests, and write the"
    " message in the imperative mood with a short first line and a body that says why"
)
NEAR = RULE.replace("short", "brief")
KEY = "ghp_" + "Zk3Qw8Rt5Yp1Lm7Nv2Bx9Cd4Fg6Hj0SaTePu"  # made up
HANDBOOK = """# Task Group: Measuring instruments
scope: drivers of instruments

## User preferences

- Metres, not feet; **say the unit** of every number.

## Reusable knowledge

- The simulator listens on port 5025.
"""


def write_memories(place: Place) -> None:
    """Have memories in the home, and in the files of Codex, Claude Code and Cursor."""
    shared = place.home / "clients/shared/memory"
    put(shared / "tone.md", memory("feedback", "How to answer", "Briefly, without apologies."))
    put(shared / "commits.md", memory("user", "How to commit", NEAR))
    deploy = memory("project", "How to deploy", "By `make deploy`, never by hand.")
    put(shared / "projects/instrument/deploy.md", deploy)
    codex, claude = place.user / ".codex/memories", place.user / ".claude"
    put(codex / "MEMORY.md", HANDBOOK)
    put(codex / "extensions/ad_hoc/notes/commits.md", RULE)
    put(claude / "memory/tea.md", "Ada takes tea with milk, and no meetings before ten.")
    put(claude / "memory/answers.md", "---\ndescription: How to answer\n---\nAt length.")
    put(claude / "memory/token.md", f"The token of the mirror is {KEY}.")
    put(place.user / ".cursor/rules/commits.mdc", f"---\ndescription: Commits\n---\n{RULE}")


def memory(kind: str, description: str, text: str) -> str:
    """Return a memory's file."""
    return f"---\ntype: {kind}\ndescription: {description}\nwritten: 2026-10-30\n---\n\n{text}\n"


def put(path: Path, text: str) -> Path:
    """Write a file, wherever it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path
