"""The languages of the files that sync edits, each by exact spans of its text.

Whatever an edit does not mean to change stays byte for byte.
"""

from __future__ import annotations

from typing import Any, Protocol

from agentos.sync.desired import KeyPath


class Malformed(Exception):
    """A text that is not in its language; `line` counts from 1."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


class Language(Protocol):
    """A language of settings by key."""

    def read(self, text: str) -> dict[str, Any]:
        """Parse a text.

        Raises:
            Malformed: It cannot be parsed, or has a key twice.
        """
        ...

    def set_key(self, text: str, path: KeyPath, value: Any, newline: str) -> str:
        """Give a key a value; what stands in its way gives way."""
        ...

    def remove_key(self, text: str, path: KeyPath) -> str:
        """Remove a key, or a table with all that is in it."""
        ...


def language(name: str) -> Language:
    """Find a language: `toml`, `json` or `jsonc`."""
    if name == "toml":
        from agentos.sync.formats.toml import Toml

        return Toml()
    from agentos.sync.formats.json import Json

    return Json(comments=name == "jsonc")
