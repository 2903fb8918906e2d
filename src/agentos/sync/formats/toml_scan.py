"""Where each statement of a TOML text stands; the text is known to be valid."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field

#: From the top; a number is the place in an array of tables.
Path = tuple[str | int, ...]

_BLANK = re.compile(r"[ \t]*")
_BETWEEN = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_SCALAR = re.compile(r"[^,\]}#\r\n]*")
_LINE = re.compile(r"[^\n]*\n?")
_BASIC = re.compile(r'"(?:[^"\\]|\\.)*"')
_LONG_BASIC = re.compile(r'"""(?:[^\\]|\\.)*?""""{0,2}', re.DOTALL)
_LONG_LITERAL = re.compile(r"'''.*?''''{0,2}", re.DOTALL)
_LITERAL = re.compile(r"'[^'\n]*'")


@dataclass(frozen=True)
class Header:
    """A line such as `[tables.one]`; `start` and `end` enclose the line with its end."""

    path: Path
    start: int
    end: int


@dataclass(frozen=True)
class Pair:
    """A key and its value, with the lines that they stand in."""

    path: Path
    table: Path
    start: int
    end: int
    value_start: int
    value_end: int


@dataclass(frozen=True)
class Comment:
    """A line that is only a comment."""

    text: str
    start: int
    end: int


Statement = Header | Pair | Comment


@dataclass(frozen=True)
class Entry:
    """A key of an inline table, relative to it, with its value."""

    path: Path
    start: int
    value_start: int
    value_end: int


@dataclass
class _Tables:
    """How many elements each array of tables has so far."""

    counts: dict[Path, int] = field(default_factory=dict)

    def header(self, keys: tuple[str, ...], array: bool) -> Path:
        path: Path = ()
        for place, key in enumerate(keys, 1):
            path = (*path, key)
            if array and place == len(keys):
                self.counts[path] = self.counts.get(path, 0) + 1
            if path in self.counts:
                path = (*path, self.counts[path] - 1)
        return path


def scan(text: str) -> list[Statement]:
    """Find the statements of a text, in order."""
    statements: list[Statement] = []
    tables = _Tables()
    table: Path = ()
    start = 0
    while start < len(text):
        at = _skip(_BLANK, text, start)
        sign = text[at : at + 1]
        if sign in ("", "\r", "\n", "#"):
            end = _skip(_LINE, text, at)
            if sign == "#":
                statements.append(Comment(text[at:end].rstrip(), start, end))
        elif sign == "[":
            array = text.startswith("[[", at)
            keys, after = _keys(text, at + 1 + array)
            table = tables.header(keys, array)
            end = _skip(_LINE, text, after)
            statements.append(Header(table, start, end))
        else:
            keys, after = _keys(text, at)
            value = _skip(_BLANK, text, after + 1)
            value_end = skip_value(text, value)
            end = _skip(_LINE, text, value_end)
            statements.append(Pair((*table, *keys), table, start, end, value, value_end))
        start = end
    return statements


def entries(text: str, start: int) -> list[Entry]:
    """Find the entries of the inline table that begins at a place."""
    found = []
    at = _skip(_BETWEEN, text, start + 1)
    while text[at] != "}":
        keys, after = _keys(text, at)
        value = _skip(_BETWEEN, text, after + 1)
        end = skip_value(text, value)
        found.append(Entry(keys, at, value, end))
        at = _skip(_BETWEEN, text, end)
        if text[at] == ",":
            at = _skip(_BETWEEN, text, at + 1)
    return found


def skip_value(text: str, start: int) -> int:
    """Find the end of the value that begins at a place."""
    sign = text[start]
    if sign in "\"'":
        return _skip_string(text, start)
    if sign == "{":
        last = entries(text, start)
        return text.index("}", _skip(_BETWEEN, text, last[-1].value_end if last else start + 1)) + 1
    if sign != "[":
        return start + len(_SCALAR.match(text, start)[0].rstrip(" \t"))  # type: ignore[index]
    at = _skip(_BETWEEN, text, start + 1)
    while text[at] != "]":
        at = _skip(_BETWEEN, text, skip_value(text, at))
        if text[at] == ",":
            at = _skip(_BETWEEN, text, at + 1)
    return at + 1


def _keys(text: str, start: int) -> tuple[tuple[str, ...], int]:
    """Read a dotted key; the place after it is that of the `=` or `]`."""
    keys: list[str] = []
    at = start - 1
    while not keys or text[at] == ".":
        at = _skip(_BLANK, text, at + 1)
        end = _skip_string(text, at) if text[at] in "\"'" else _skip(_BARE_KEY, text, at)
        keys.append(_unquoted(text[at:end]))
        at = _skip(_BLANK, text, end)
    return tuple(keys), at


def _unquoted(key: str) -> str:
    if key[0] == "'":
        return key[1:-1]
    if key[0] == '"':
        read: str = tomllib.loads(f"k = {key}")["k"]
        return read
    return key


def _skip_string(text: str, start: int) -> int:
    if text.startswith('"""', start):
        return _skip(_LONG_BASIC, text, start)
    if text.startswith("'''", start):
        return _skip(_LONG_LITERAL, text, start)
    return _skip(_BASIC if text[start] == '"' else _LITERAL, text, start)


def _skip(pattern: re.Pattern[str], text: str, start: int) -> int:
    found = pattern.match(text, start)
    if found is None:
        raise ValueError(f"no valid TOML at character {start}")
    return found.end()
