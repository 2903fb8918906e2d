"""What is searched for: a pattern in the dialect that every engine reads alike."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from agentos.errors import FileRefused
from agentos.hub.files.names import is_text

if TYPE_CHECKING:
    import regex

#: Files beyond this are not searched, with ripgrep as without.
LARGEST = 32 * 1024 * 1024
_SECONDS = 5.0

#: Bytes that are not UTF-8, as `surrogateescape` decodes them: as in ripgrep, nothing matches them.
_NOT_TEXT = "(?![\udc80-\udcff])"
_LINE_END = r"(?:\r?$)"
_ESCAPE = r"\\(?:[pP]\{\^?\w+\}|[pP]\w|x\{[0-9a-fA-F]+\}|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|.)"
_TOKEN = re.compile(
    _ESCAPE + r"|\(\?(?:P<[A-Za-z_]\w*>|:|-?[is]+:)|^\(\?i\)|\{\d+(?:,\d*)?\}|\[\^?\]?|.", re.DOTALL
)
_IN_CLASS = re.compile(r"\[:\^?[a-z]+:\]|" + _ESCAPE + "|.", re.DOTALL)
_LETTERS = frozenset("dDsSwWbBtrfvapPxu")
_META = frozenset("\\.+*?()|[]{}^$#&-~")


@dataclass(frozen=True)
class Query:
    """What to search for, and where not.

    Attributes:
        pattern: A regular expression, or the text itself if `fixed`.
        fixed: Take the pattern literally.
        ignore_case: Whether upper and lower case are the same.
        globs: Which files, as gitignore writes them; with `!` in front, which not.
        hidden: Also files and directories whose name starts with a dot, but never `.git`.
        ignored: Also what `.gitignore`, `.ignore` and `.rgignore` exclude.
    """

    pattern: str
    fixed: bool = False
    ignore_case: bool = False
    globs: tuple[str, ...] = ()
    hidden: bool = False
    ignored: bool = False
    path: str = field(default="", compare=False)

    @cached_property
    def expression(self) -> str:
        """The pattern as ripgrep and the `regex` package read it alike.

        Raises:
            FileRefused: It uses what one of them lacks.
        """
        if not self.pattern or "\n" in self.pattern:
            raise self._invalid("a pattern is one line and not empty")
        if not is_text(self.pattern):
            raise self._invalid("it holds NUL or half a character")
        if self.fixed:
            return re.escape(self.pattern)
        return "".join(self._translated())

    @cached_property
    def compiled(self) -> regex.Pattern[str]:
        """The pattern for Python.

        Raises:
            FileRefused: It is not a regular expression.
        """
        import regex

        wrapped = re.sub(r"\\x\{([0-9a-fA-F]+)\}", _braced, self.expression)
        flags = regex.MULTILINE | (regex.IGNORECASE if self.ignore_case else 0)
        try:
            return regex.compile(_apart_from_bytes(wrapped), flags)
        except (regex.error, ValueError, OverflowError) as error:
            raise self._invalid(str(error)) from error

    def matching_lines(self, lines: list[str]) -> list[int]:
        """Return the numbers, from 0, of the lines that match.

        Raises:
            FileRefused: The pattern takes too long.
        """
        found = self.compiled.search
        try:
            return [
                number
                for number, line in enumerate(lines)
                if found(line, timeout=_SECONDS, concurrent=True)
            ]
        except TimeoutError as error:
            raise self._too_slow() from error

    def occurs_in(self, text: str) -> bool:
        """Whether any line of a text may match.

        Raises:
            FileRefused: The pattern takes too long.
        """
        try:
            return self.compiled.search(text, timeout=_SECONDS, concurrent=True) is not None
        except TimeoutError as error:
            raise self._too_slow() from error

    def _translated(self) -> Iterator[str]:
        at = 0
        while at < len(self.pattern):
            token = _next(_TOKEN, self.pattern, at)
            at += len(token)
            if token.startswith("["):
                start = at
                at = self._end_of_class(at)
                inside = _IN_CLASS.findall(self.pattern, start, at)
                yield token + "".join(self._plain(piece) for piece in inside)
                continue
            self._check(token, self.pattern[at : at + 1])
            if token in ("{", "}"):
                yield "\\" + token
            else:
                yield _LINE_END if token == "$" else self._plain(token)

    def _end_of_class(self, at: int) -> int:
        while at < len(self.pattern):
            token = _next(_IN_CLASS, self.pattern, at)
            at += len(token)
            if token == "]":
                return at
            if token == "[":
                raise self._invalid("write [ in a class as \\[")
            if token in ("&", "-", "~") and self.pattern[at : at + 1] == token:
                raise self._invalid("set operations in a class are not supported")
            if token in (r"\b", r"\B"):
                raise self._invalid(f"{token} has no meaning in a class")
        raise self._invalid("a class is not closed")

    def _check(self, token: str, following: str) -> None:
        if token == "(" and following == "?":
            raise self._invalid(
                "look-around, atomic groups, conditions and flags in the middle are not supported"
            )
        repeats = token in ("*", "+", "?") or (token.startswith("{") and len(token) > 1)
        if repeats and following in ("+", "*", "{"):
            raise self._invalid("possessive and repeated repetition is not supported")

    def _plain(self, token: str) -> str:
        """Leave out a backslash that needs not be there, and refuse one that means too much."""
        if token == "\\":
            raise self._invalid("it ends with a backslash")
        if not token.startswith("\\") or token[1] in _META or token[1] in _LETTERS:
            return token
        if token[1].isalnum():
            raise self._invalid(f"{token} is not supported")
        return token[1]

    def _invalid(self, why: str) -> FileRefused:
        return FileRefused(
            f"the pattern {self.pattern!r} cannot be searched for: {why}",
            code="pattern_invalid",
            path=self.path,
            hint="set fixed to search for the text as it is",
        )

    def _too_slow(self) -> FileRefused:
        return FileRefused(
            f"the pattern {self.pattern!r} takes longer than {_SECONDS:g} s on one file",
            code="pattern_too_slow",
            path=self.path,
            hint="avoid nested repetition",
        )


def _next(kind: re.Pattern[str], text: str, at: int) -> str:
    token = kind.match(text, at)
    assert token is not None, "the last alternative matches any character"
    return token[0]


def _braced(found: re.Match[str]) -> str:
    return f"\\U{int(found[1], 16):08x}"


def _apart_from_bytes(expression: str) -> str:
    """Keep `.` and classes from matching bytes that are not text."""
    pieces = []
    at = 0
    while at < len(expression):
        token = _next(_TOKEN, expression, at)
        at += len(token)
        if token.startswith("["):
            inner = ""
            while inner != "]":
                inner = _next(_IN_CLASS, expression, at)
                token, at = token + inner, at + len(inner)
        if token == "." or token.startswith("[") or token[:2] in (r"\W", r"\S", r"\D", r"\P"):
            token = f"(?:{_NOT_TEXT}{token})"
        pieces.append(token)
    return "".join(pieces)
