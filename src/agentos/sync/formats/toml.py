"""TOML: values read with the standard library, edits by spans."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import Any

from agentos.sync.desired import KeyPath
from agentos.sync.formats import Malformed
from agentos.sync.formats.toml_scan import Entry, Header, Pair, Path, entries, scan
from agentos.sync.values import ABSENT, dotted, look_up, quoted

_AT_LINE = re.compile(r"\(at line (\d+)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class Toml:
    """The language of `config.toml`."""

    def read(self, text: str) -> dict[str, Any]:
        try:
            return tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            found = _AT_LINE.search(str(error))
            line = int(found[1]) if found else text.count("\n") + 1
            raise Malformed(str(error), line) from error
        except RecursionError as error:
            raise Malformed("its values are nested too deeply", 1) from error

    def set_key(self, text: str, path: KeyPath, value: Any, newline: str) -> str:
        rendered = render(value)
        text = self._cleared(text, path)
        inline = None
        for pair in _pairs(text):
            if pair.path == path:
                return _spliced(text, pair.value_start, pair.value_end, rendered)
            if _leads_to(pair.path, path) and text[pair.value_start] == "{":
                inline = pair
        if inline:
            rest = path[len(inline.path) :]
            return _set_inline(text, inline.value_start, rest, rendered)
        return _insert(self.remove_key(text, path), path, rendered, newline)

    def _cleared(self, text: str, path: KeyPath) -> str:
        """Remove what stands where a table of the path has to be."""
        tree = self.read(text)
        for depth in range(1, len(path)):
            there = look_up(tree, path[:depth])
            if there is not ABSENT and not isinstance(there, dict):
                return self.remove_key(text, path[:depth])
        return text

    def remove_key(self, text: str, path: KeyPath) -> str:
        for statement in reversed(scan(text)):
            if isinstance(statement, Header):
                if _within(statement.path, path):
                    text = _without_header(text, statement)
            elif isinstance(statement, Pair):
                if _within(statement.path, path):
                    text = _spliced(text, statement.start, statement.end, "")
                elif _leads_to(statement.path, path) and text[statement.value_start] == "{":
                    rest = path[len(statement.path) :]
                    text = _remove_inline(text, statement.value_start, rest)
        return text


def render(value: Any) -> str:
    """Write a value, in one line.

    Raises:
        ValueError: TOML has no such value: null.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _render_text(value)
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list):
        return f"[{', '.join(map(render, value))}]"
    if isinstance(value, dict):
        inside = ", ".join(f"{quoted(key)} = {render(each)}" for key, each in value.items())
        return f"{{ {inside} }}" if inside else "{}"
    raise ValueError(f"TOML has no value such as {value!r}")


def _render_text(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return '"' + _CONTROL.sub(lambda sign: f"\\u{ord(sign[0]):04x}", escaped) + '"'


def _pairs(text: str) -> Iterator[Pair]:
    return (each for each in scan(text) if isinstance(each, Pair))


def _within(path: Path, table: Path) -> bool:
    return path[: len(table)] == table


def _leads_to(table: Path, path: Path) -> bool:
    return len(table) < len(path) and path[: len(table)] == table


def _spliced(text: str, start: int, end: int, new: str) -> str:
    return text[:start] + new + text[end:]


def _without_header(text: str, header: Header) -> str:
    """Cut a header, and the blank line that set it off if nothing comes behind it."""
    before, after = text[: header.start], text[header.end :]
    if not after.strip():
        before = re.sub(r"(^|\n)\r?\n\Z", r"\1", before)
    return before + after


def _insert(text: str, path: KeyPath, rendered: str, newline: str) -> str:
    """Add a key that is not there, where its table already is or in a new one at the end."""
    statements = [each for each in scan(text) if not _is_comment(each)]
    table = path[:-1]
    beside = _dotted_sibling(text, path)
    if beside:
        rest = dotted(path[len(beside.table) :])
        return _with_line(text, beside.end, f"{rest} = {rendered}", newline)
    line = f"{quoted(path[-1])} = {rendered}"
    end = 0 if not table else None
    for statement in statements:
        is_header = isinstance(statement, Header) and statement.path == table
        is_pair = isinstance(statement, Pair) and statement.table == table
        if is_header or is_pair:
            end = statement.end
    if end is not None:
        return _with_line(text, end, line, newline)
    blank = newline if text.strip() else ""
    start = "" if not text or text.endswith("\n") else newline
    return f"{text}{start}{blank}[{dotted(table)}]{newline}{line}{newline}"


def _is_comment(statement: object) -> bool:
    return not isinstance(statement, Header | Pair)


def _dotted_sibling(text: str, path: KeyPath) -> Pair | None:
    """Find the pair whose dotted key has made the table of this one: it cannot be opened again."""
    best: tuple[int, Pair] | None = None
    for pair in _pairs(text):
        if len(pair.path) == len(pair.table) + 1:
            continue
        common = 0
        while common < min(len(pair.path), len(path)) - 1 and pair.path[common] == path[common]:
            common += 1
        if common > len(pair.table) and (best is None or common >= best[0]):
            best = (common, pair)
    return best[1] if best else None


def _with_line(text: str, at: int, line: str, newline: str) -> str:
    start = "" if at == 0 or text[at - 1] == "\n" else newline
    return f"{text[:at]}{start}{line}{newline}{text[at:]}"


def _set_inline(text: str, start: int, path: KeyPath, rendered: str) -> str:
    found = entries(text, start)
    for entry in found:
        if entry.path == path:
            return _spliced(text, entry.value_start, entry.value_end, rendered)
        if _leads_to(entry.path, path) and text[entry.value_start] == "{":
            return _set_inline(text, entry.value_start, path[len(entry.path) :], rendered)
    text = _remove_inline(text, start, path)
    found = entries(text, start)
    new = f"{dotted(path)} = {rendered}"
    if not found:
        return _spliced(text, start, text.index("}", start) + 1, f"{{ {new} }}")
    return _spliced(text, found[-1].value_end, found[-1].value_end, f", {new}")


def _remove_inline(text: str, start: int, path: KeyPath) -> str:
    for place, entry in reversed(list(enumerate(entries(text, start)))):
        if _within(entry.path, path):
            text = _without_entry(text, entries(text, start), place)
        elif _leads_to(entry.path, path) and text[entry.value_start] == "{":
            text = _remove_inline(text, entry.value_start, path[len(entry.path) :])
    return text


def _without_entry(text: str, found: list[Entry], place: int) -> str:
    if place + 1 < len(found):
        return _spliced(text, found[place].start, found[place + 1].start, "")
    if place:
        return _spliced(text, found[place - 1].value_end, found[place].value_end, "")
    return _spliced(text, found[place].start, found[place].value_end, "")
