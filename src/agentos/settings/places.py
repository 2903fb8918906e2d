"""Where each key and value of a TOML document stands.

`tomllib` tells what a document says, not where it says it. This walks a document that `tomllib`
has accepted, so that it has to recognise, not to check.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass

Path = tuple[str | int, ...]
_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_KEY = re.compile(r'"(?:[^"\\]|\\.)*"|\'[^\']*\'|[A-Za-z0-9_-]+')
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}|' + r"'''.*?'{3,5}|" + r'"(?:[^"\\]|\\.)*"|' + r"'[^']*'", re.DOTALL
)
_PLAIN = re.compile(r"[^,\]}#\r\n]+")


@dataclass(frozen=True, slots=True)
class Place:
    """A line and a column, both counted from 1."""

    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.line}:{self.column}"


class Places:
    """The places of a document's keys, tables and elements of arrays.

    Args:
        text: A valid TOML document.

    Example:
        `Places('[hub]\\nport = 1\\n').of(("hub", "port"))` is line 2, column 1.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._offsets: dict[Path, int] = {}
        self._tables: dict[Path, int] = {}  # how many `[[name]]` there were so far
        self._document()

    def of(self, path: Path) -> Place:
        """Return where a path stands; of one that is not there, where its nearest parent does."""
        while path and path not in self._offsets:
            path = path[:-1]
        return self.of_offset(self._offsets.get(path, 0))

    def of_offset(self, offset: int) -> Place:
        """Return the place of a character."""
        before = self._text[:offset]
        return Place(before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1)

    def _document(self) -> None:
        table: Path = ()
        self._skip(_BLANK)
        while self._at < len(self._text):
            if self._text[self._at] == "[":
                table = self._header()
            else:
                self._assignment(table)
            self._skip(_BLANK)

    def _header(self) -> Path:
        several = self._text.startswith("[[", self._at)
        self._at += 2 if several else 1
        self._skip(_SPACE)
        start = self._at
        *parents, last = self._keys()
        path = self._within_tables((), parents, start)
        if several:
            array = (*path, last)
            number = self._tables.get(array, 0)
            self._tables[array] = number + 1
            self._note(array, start)
            path = (*array, number)
        else:
            path = (*path, last)
        self._note(path, start)
        self._at = self._text.index("]", self._at) + (2 if several else 1)
        return path

    def _within_tables(self, path: Path, names: list[str], start: int) -> Path:
        """Follow names down; an array of tables stands for its last element."""
        for name in names:
            path = (*path, name)
            self._note(path, start)
            if path in self._tables:
                path = (*path, self._tables[path] - 1)
        return path

    def _assignment(self, table: Path) -> None:
        start = self._at
        path = table
        for name in self._keys():
            path = (*path, name)
            self._note(path, start)
        self._at = self._text.index("=", self._at) + 1
        self._skip(_SPACE)
        self._value(path)

    def _value(self, path: Path) -> None:
        first = self._text[self._at]
        if first == "[":
            self._array(path)
        elif first == "{":
            self._inline_table(path)
        else:
            self._skip(_STRING if first in "\"'" else _PLAIN)

    def _array(self, path: Path) -> None:
        number = 0
        self._at += 1
        while self._more("]"):
            self._note((*path, number), self._at)
            self._value((*path, number))
            number += 1

    def _inline_table(self, path: Path) -> None:
        self._at += 1
        while self._more("}"):
            self._assignment(path)

    def _more(self, end: str) -> bool:
        """Go to the next element; past the end if there is none."""
        self._skip(_BLANK)
        if self._text[self._at] == ",":
            self._at += 1
            self._skip(_BLANK)
        if self._text[self._at] != end:
            return True
        self._at += 1
        return False

    def _keys(self) -> list[str]:
        names = []
        while True:
            names.append(_name(self._skip(_KEY)))
            self._skip(_SPACE)
            if not self._text.startswith(".", self._at):
                return names
            self._at += 1
            self._skip(_SPACE)

    def _skip(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self._text, self._at)
        assert match is not None, f"tomllib took what this does not know, at {self._at}"
        self._at = match.end()
        return match.group()

    def _note(self, path: Path, offset: int) -> None:
        self._offsets.setdefault(path, offset)


def _name(key: str) -> str:
    if key[0] not in "\"'":
        return key
    name = tomllib.loads(f"key = {key}")["key"]
    assert isinstance(name, str)
    return name
