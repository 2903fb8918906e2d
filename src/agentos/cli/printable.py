"""Text of others, made safe for a terminal."""

from __future__ import annotations


def printable(text: str) -> str:
    """Keep an agent's output from moving the cursor or retitling the terminal."""
    return "".join(
        c if c in "\n\t" or c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text
    )
