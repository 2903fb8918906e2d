"""What a Markdown file of the AgentOS home says of itself, between the two `---` at its top."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from agentos.errors import ConfigInvalid

#: What PyYAML raises, besides errors of its own, for values that are none: a date that there is
#: not, `!!int x`, `!!bool x`, `!!timestamp x`, lists in lists without end.
_OF_VALUES = (ValueError, OverflowError, LookupError, AttributeError, RecursionError)
_BLOCK = re.compile(r"---[ \t]*\r?\n(.*?)^---[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_KEY = re.compile(
    r"""^(?:"([^"]*)"|'([^']*)'|([^\s#'"\-\[\]{},&*!|>%@`:][^:\n]*?))[ \t]*:(?:\s|$)"""
)


class MalformedHead(Exception):
    """A front matter that cannot be read; `line` is that of the file, counted from 1."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


@dataclass(frozen=True)
class Head:
    """A file's front matter, and the rest of it.

    Attributes:
        where: The file, as errors name it.
        values: What the front matter says.
        block: Its text, without the lines `---`.
        body: What comes after it.
        body_line: The line that the body begins in, counted from 1.
    """

    where: str
    values: Mapping[str, Any]
    block: str
    body: str
    body_line: int

    def line(self, key: str) -> int:
        """Return the line of a key; of one that is not there, the first."""
        for number, name in key_lines(self.block):
            if name == key:
                return number + 1
        return 1

    def invalid(self, key: str, message: str, hint: str | None = None) -> ConfigInvalid:
        """Return an error about a key, with its place."""
        return ConfigInvalid(f"{self.where}:{self.line(key)}: {key}: {message}", hint=hint)

    def text(self, key: str, default: str | None = None) -> str | None:
        """Return a text.

        Raises:
            ConfigInvalid: It is none.
        """
        value = self.values.get(key)
        if value is None:
            return default
        if not isinstance(value, str):
            raise self.invalid(key, "this is no text", f'write {key}: "{value}"')
        return value.strip()

    def texts(self, key: str) -> tuple[str, ...] | None:
        """Return a list of texts; one text is a list of it, None stands for no key.

        Raises:
            ConfigInvalid: It is none.
        """
        value = self.values.get(key)
        if value is None:
            return None
        found = [value] if isinstance(value, str) else value
        if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
            raise self.invalid(key, "this is no list of texts", f"write {key}: [one, two]")
        return tuple(found)


def read_head(where: str, text: str) -> Head:
    """Read a file's front matter.

    Args:
        where: The file, as errors name it.
        text: What it says.

    Raises:
        ConfigInvalid: There is none, or it cannot be read; names the line.
    """
    block, body = split_head(where, text)
    return Head(where, _values(where, block), block, body, text.count("\n") - body.count("\n") + 1)


def split_head(where: str, text: str) -> tuple[str, str]:
    """Return the text of a file's front matter, without the lines `---`, and what comes after it.

    Raises:
        ConfigInvalid: There is none.
    """
    found = find_block(text)
    if found:
        return found
    begun = text.partition("\n")[0].strip() == "---"
    message = "the front matter does not end" if begun else "there is no front matter"
    hint = "begin the file with a line ---, keys such as description: ..., and a line ---"
    raise ConfigInvalid(f"{where}:1: {message}", hint="add a line ---" if begun else hint)


def find_block(text: str) -> tuple[str, str] | None:
    """Return the text of a front matter and what comes after it; None if there is none."""
    found = _BLOCK.match(text)
    return (found.group(1), text[found.end() :]) if found else None


def without_keys(block: str, keys: Iterable[str]) -> str:
    """Return the text of a front matter without some of its keys."""
    begins, left_out = dict(key_lines(block)), set(keys)
    kept, inside = list[str](), False
    for number, line in enumerate(_LINE.findall(block), 1):
        if number in begins:
            inside = begins[number] in left_out
        if not inside:
            kept.append(line)
    return "".join(kept)


def key_lines(block: str) -> Iterable[tuple[int, str]]:
    """Yield the lines of a block that begin a key at its top, counted from 1, with the key."""
    for number, line in enumerate(block.split("\n"), 1):
        if found := _KEY.match(line):
            yield number, next(name for name in found.groups() if name is not None)


def values_of(block: str) -> dict[str, Any]:
    """Return what a front matter says.

    Raises:
        MalformedHead: It cannot be read, or has no keys.
    """
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        values = yaml.load(block, loader)
    except (yaml.YAMLError, *_OF_VALUES) as error:
        mark = getattr(error, "problem_mark", None)
        line = (mark.line if mark else 0) + 2  # after the first ---
        problem = getattr(error, "problem", None) or str(error)
        raise MalformedHead(line, f"the front matter is not valid YAML: {problem}") from error
    if not isinstance(values, dict):
        raise MalformedHead(2, "the front matter has no keys")
    return {str(key): value for key, value in values.items()}


def _values(where: str, block: str) -> Mapping[str, Any]:
    try:
        return values_of(block)
    except MalformedHead as error:
        hint = 'write description: ...; a text with a colon in it stands in quotes: "one: two"'
        raise ConfigInvalid(f"{where}:{error.line}: {error}", hint=hint) from error
