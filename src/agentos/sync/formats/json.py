"""JSON, and JSON with comments: values read with the standard library, edits by spans.

Comments and trailing commas are blanked out first; then all is JSON, at the same places.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

from agentos.sync.desired import KeyPath
from agentos.sync.formats import Malformed

_TEXT_OR_COMMENT = re.compile(r'"(?:[^"\\\n]|\\.)*"|//[^\r\n]*|/\*.*?\*/', re.DOTALL)
_TEXT_OR_LAST_COMMA = re.compile(r'"(?:[^"\\\n]|\\.)*"|,(?=\s*[}\]])')
_SPACE = re.compile(r"[ \t\r\n]*")
_REST_OF_LINE = re.compile(r"(?:[ \t]|//[^\r\n]*|/\*.*?\*/)*", re.DOTALL)
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_CONSTANT = re.compile(r'"(?:[^"\\]|\\.)*"|(NaN|-?Infinity)')
_FIRST_INDENTED = re.compile(r'\{[ \t]*\r?\n([ \t]+)"')
_DECODER = json.JSONDecoder()


@dataclass(frozen=True)
class Member:
    """A key of an object, and where it and its value stand."""

    key: str
    start: int
    value_start: int
    value_end: int


class _Duplicate(ValueError):
    """A key that an object has twice."""


class _Constant(ValueError):
    """A number that only JavaScript has."""


@dataclass(frozen=True)
class Json:
    """The language of `settings.json`; with comments, of `opencode.jsonc`."""

    comments: bool = False

    def read(self, text: str) -> dict[str, Any]:
        plain = self._plain(text)
        if not plain.strip():
            return {}
        try:
            found = json.loads(plain, object_pairs_hook=_table, parse_constant=_refuse)
        except json.JSONDecodeError as error:
            raise Malformed(f"{error.msg} at column {error.colno}", error.lineno) from error
        except _Duplicate as error:
            line = _line_of_duplicate(plain)
            raise Malformed(f"the key {str(error)!r} is there twice", line) from error
        except _Constant as error:
            raise Malformed(f"{error} is no JSON", _line_of_constant(plain)) from error
        except RecursionError as error:
            raise Malformed("its values are nested too deeply", 1) from error
        except ValueError as error:
            raise Malformed(str(error), 1) from error
        if not isinstance(found, dict):
            raise Malformed("it is no object, which begins with {", 1)
        return found

    def set_key(self, text: str, path: KeyPath, value: Any, newline: str) -> str:
        plain = self._plain(text)
        if not plain.strip():
            text = text if not text or text.endswith("\n") else text + newline
            text += "{}" + newline
            plain = self._plain(text)
        unit = _indentation(plain)
        start = _skip(plain, 0)
        for depth, key in enumerate(path):
            found = {member.key: member for member in members(plain, start)}
            if key not in found:
                new = _nested(path[depth + 1 :], value)
                layout = _Layout(depth + 1, unit, newline)
                return _insert(
                    text,
                    self._uncommented(text),
                    list(found.values()),
                    start,
                    layout.line(key, new),
                    layout,
                )
            last = depth + 1 == len(path)
            if last or plain[found[key].value_start] != "{":
                new = _nested(path[depth + 1 :], value)
                rendered = _Layout(depth + 1, unit, newline).render(new)
                member = found[key]
                return text[: member.value_start] + rendered + text[member.value_end :]
            start = found[key].value_start
        raise ValueError("a key has at least one part")

    def remove_key(self, text: str, path: KeyPath) -> str:
        plain = self._plain(text)
        if not plain.strip():
            return text
        start = _skip(plain, 0)
        for depth, key in enumerate(path):
            if plain[start] != "{":
                return text
            found = list(members(plain, start))
            place = next((n for n, member in enumerate(found) if member.key == key), None)
            if place is None:
                return text
            if depth + 1 == len(path):
                return _without(text, self._uncommented(text), start, found, place)
            start = found[place].value_start
        return text

    def _plain(self, text: str) -> str:
        if not self.comments:
            return text
        text = self._uncommented(text)
        return _TEXT_OR_LAST_COMMA.sub(lambda found: _blanked(found[0]), text)

    def _uncommented(self, text: str) -> str:
        if not self.comments:
            return text
        return _TEXT_OR_COMMENT.sub(lambda found: _blanked(found[0]), text)


@dataclass(frozen=True)
class _Layout:
    """How a value is written: how deep it stands, and how the file is set."""

    depth: int
    unit: str
    newline: str

    def render(self, value: Any) -> str:
        written = _written(value, self.unit)
        return written.replace("\n", self.newline + self.unit * self.depth)

    def line(self, key: str, value: Any) -> str:
        return f"{_written(key)}: {self.render(value)}"


def _written(value: Any, unit: str | None = None) -> str:
    written = json.dumps(value, indent=unit, ensure_ascii=False)
    if any("\ud800" <= sign <= "\udfff" for sign in written):  # half a character: only escaped
        return json.dumps(value, indent=unit)
    return written


def members(plain: str, start: int) -> Iterator[Member]:
    """Go through the members of the object that begins at a place of a JSON text."""
    at = _skip(plain, start + 1)
    while plain[at] != "}":
        key_end = _end(_STRING, plain, at)
        value = _skip(plain, _skip(plain, key_end) + 1)
        end = _value_end(plain, value)
        yield Member(json.loads(plain[at:key_end]), at, value, end)
        at = _skip(plain, end)
        if plain[at] == ",":
            at = _skip(plain, at + 1)


def _insert(
    text: str, uncommented: str, found: list[Member], start: int, line: str, layout: _Layout
) -> str:
    """Add a member to the object that begins at a place, behind the others."""
    if not found:
        return _insert_first(text, start, line, layout)
    end = found[-1].value_end
    comma = _skip(uncommented, end)
    if uncommented[comma] == ",":  # a trailing one, which JSON with comments may have
        before, at = "", comma + 1
    else:
        before, at = ",", end
    if "\n" not in text[start : found[-1].start]:
        return f"{text[:at]}{before} {line}{text[at:]}"
    line_end = _end(_REST_OF_LINE, text, at)
    indented = f"{layout.newline}{layout.unit * layout.depth}{line}"
    return f"{text[:at]}{before}{text[at:line_end]}{indented}{text[line_end:]}"


def _insert_first(text: str, start: int, line: str, layout: _Layout) -> str:
    indented = f"{layout.newline}{layout.unit * layout.depth}{line}"
    after = _skip(text, start + 1)
    if text[after] != "}":  # comments, which stay
        return f"{text[: start + 1]}{indented}{text[start + 1 :]}"
    closing = layout.newline + layout.unit * (layout.depth - 1)
    return f"{text[: start + 1]}{indented}{closing}{text[after:]}"


def _without(text: str, uncommented: str, start: int, found: list[Member], place: int) -> str:
    member = found[place]
    comma = _skip(uncommented, member.value_end)
    own_comma = uncommented[comma] == ","
    text = _cut(text, member.start, comma + 1 if own_comma else member.value_end)
    if place and not own_comma:
        comma = _skip(uncommented, found[place - 1].value_end)
        text = text[:comma] + text[comma + 1 :]
    closing = _skip(text, start + 1)
    if text[closing] == "}":
        text = text[: start + 1] + text[closing:]
    return text


def _cut(text: str, start: int, end: int) -> str:
    """Cut a place out, with its line if nothing else is there."""
    line = text.rfind("\n", 0, start) + 1
    blank = re.compile(r"[ \t]*(?:\r?\n)?").match(text, end)
    after = blank.end() if blank else end
    if not text[line:start].strip() and text[after - 1] == "\n":
        return text[:line] + text[after:]
    if text[after - 1] == "\n" or text[after] == "}":
        return text[:start].rstrip(" \t") + text[end:]
    return text[:start] + text[after:]


def _table(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        keys = [key for key, _ in pairs]
        raise _Duplicate(next(key for place, key in enumerate(keys) if key in keys[:place]))
    return table


def _refuse(constant: str) -> NoReturn:
    raise _Constant(constant)


def _line_of_duplicate(plain: str) -> int:
    at = _duplicate(plain, _skip(plain, 0))
    return plain.count("\n", 0, at or 0) + 1


def _duplicate(plain: str, at: int) -> int | None:
    """Find the second of two equal keys in the value that begins at a place."""
    if plain[at] == "[":
        at = _skip(plain, at + 1)
        while plain[at] != "]":
            found = _duplicate(plain, at)
            if found is not None:
                return found
            at = _skip(plain, _value_end(plain, at))
            at = _skip(plain, at + 1) if plain[at] == "," else at
    elif plain[at] == "{":
        seen = set()
        for member in members(plain, at):
            if member.key in seen:
                return member.start
            seen.add(member.key)
            found = _duplicate(plain, member.value_start)
            if found is not None:
                return found
    return None


def _line_of_constant(plain: str) -> int:
    at = next(found.start() for found in _CONSTANT.finditer(plain) if found[1])
    return plain.count("\n", 0, at) + 1


def _nested(path: KeyPath, value: Any) -> Any:
    for key in reversed(path):
        value = {key: value}
    return value


def _indentation(plain: str) -> str:
    found = _FIRST_INDENTED.search(plain)
    return found[1] if found else "  "


def _blanked(token: str) -> str:
    """Blank a comment or comma, at the same length; a text in quotes stays."""
    if token[0] == '"':
        return token
    return re.sub(r"[^\r\n]", " ", token)


def _value_end(plain: str, start: int) -> int:
    return _DECODER.raw_decode(plain, start)[1]


def _skip(text: str, start: int) -> int:
    return _end(_SPACE, text, start)


def _end(pattern: re.Pattern[str], text: str, start: int) -> int:
    found = pattern.match(text, start)
    return found.end() if found else start
