"""Globs as ripgrep and gitignore have them, compiled to regular expressions over bytes."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import cached_property, lru_cache


@dataclass(frozen=True)
class Rule:
    """One line of an ignore file.

    Attributes:
        expression: What it matches, of a path from the file's directory.
        only_directories: Whether it ended with a slash.
        negated: Whether it began with `!`.
    """

    expression: re.Pattern[bytes]
    only_directories: bool
    negated: bool


@dataclass(frozen=True)
class Rules:
    """The lines of one ignore file; of those that match, the last decides."""

    rules: tuple[Rule, ...] = ()

    def verdict(self, path: str, *, directory: bool) -> bool | None:
        """Return True if the path is matched, False if by a line with `!`, None if by none."""
        encoded = os.fsencode(path)
        for rule in reversed(self.rules):
            if rule.only_directories and not directory:
                continue
            if rule.expression.fullmatch(encoded):
                return not rule.negated
        return None

    @cached_property
    def includes(self) -> bool:
        """Whether any line lacks the `!`."""
        return any(not rule.negated for rule in self.rules)


def parse(text: str) -> Rules:
    """Read an ignore file; a line that is no glob is left out, as ripgrep does."""
    lines = text.removeprefix("\ufeff").split("\n")
    rules = (_rule(line.removesuffix("\r")) for line in lines)
    return Rules(tuple(rule for rule in rules if rule is not None))


def compile_globs(globs: tuple[str, ...]) -> Rules:
    """Read globs one by one; `#` has no meaning in them.

    Raises:
        ValueError: One of them is no glob.
    """
    rules = []
    for glob in globs:
        rule = _rule("\\" + glob if glob.startswith("#") else glob)
        if rule is None:
            raise ValueError(f"{glob!r} is not a glob")
        rules.append(rule)
    return Rules(tuple(rules))


@lru_cache(maxsize=4096)
def _rule(line: str) -> Rule | None:
    if line.startswith("#"):
        return None
    if not line.endswith("\\ "):
        line = line.rstrip()
    if not line or "\0" in line:
        return None
    negated = anchored = False
    if line.startswith(("\\!", "\\#")):
        line = line[1:]
    else:
        negated = line.startswith("!")
        line = line[1:] if negated else line
        anchored = line.startswith("/")
        line = line[1:] if anchored else line
    only_directories = line.endswith("/")
    line = line[:-1] if only_directories else line
    if not anchored and "/" not in line and line != "**":
        line = "**/" + line
    if line.endswith("/**"):
        line += "/*"
    try:
        return Rule(re.compile(_translate(line), re.DOTALL), only_directories, negated)
    except (ValueError, re.error):
        return None


_PIECE = re.compile(
    r"(?P<prefix>^\*\*/)|(?P<suffix>/\*\*$)|(?P<between>/\*\*/(?:\*\*/)*)|(?P<all>^\*\*$)"
    r"|(?P<stars>\*+)|(?P<any>\?)|(?P<set>\[[!^]?\]?[^\]]*\])|(?P<bracket>\[)"
    r"|(?P<open>\{)|(?P<close>\})|(?P<comma>,)|\\(?P<escaped>.)|(?P<stray>\\)|(?P<plain>.)",
    re.DOTALL,
)
_MEANING = {
    "prefix": b"(?:/?|.*/)",
    "suffix": b"/.*",
    "between": b"(?:/|/.*/)",
    "all": b".*",
    "stars": b"[^/]*",
    "any": b"[^/]",
    "open": b"(?:",
    "close": b")",
}


def _translate(glob: str) -> bytes:
    out = []
    depth = 0
    for piece in _PIECE.finditer(glob):
        kind = piece.lastgroup
        text = piece[0]
        if kind in ("bracket", "stray"):
            raise ValueError(f"{glob!r} has a bracket or backslash without its other half")
        depth += (kind == "open") - (kind == "close")
        if depth < 0 or depth > 1:
            raise ValueError(f"{glob!r} has braces that do not pair")
        if kind == "set":
            out.append(_set(text))
        elif kind == "comma":
            out.append(b"|" if depth else b",")
        elif kind == "escaped" or kind == "plain":
            out.append(re.escape(os.fsencode(piece[kind])))
        else:
            assert kind is not None
            out.append(_MEANING[kind])
    if depth:
        raise ValueError(f"{glob!r} has braces that do not pair")
    return b"".join(out)


def _set(text: str) -> bytes:
    inside = text[1:-1]
    negated = inside.startswith(("!", "^"))
    inside = inside[1:] if negated else inside
    escaped = "".join("\\" + char if char in "\\]^[&~|" else char for char in inside)
    return b"[" + (b"^" if negated else b"") + os.fsencode(escaped) + b"]"
