"""What may be kept of a call's arguments: no secret, no long text, and never much."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from functools import lru_cache

from agentos.models.cassettes.scrubbing import SECRET, Scrubber

#: Characters of JSON that are kept of one call.
MOST_KEPT = 4000
#: A longer text is replaced by its size and hash.
LONGEST_TEXT = 300
_LONGEST_NAME = 100
_SHORTEST_SECRET = 12
_MOST_VALUES = 200
_DEEPEST = 6
_LARGEST_INTEGER = 2**63

_SECRET_NAME = re.compile(
    r"passw|passphrase|secret|token|(api|private|access|signing)[-_ ]?key|authorization"
    r"|cookie|credential|^auth$|^key$|^pin$",
    re.IGNORECASE,
)
#: Whatever their size, these are what was written, not where or how.
_CONTENTS = re.compile(
    r"contents?|text|body|data|patch|diff|old|new|(old|new)_(string|text)|snippet|replace(ment)?"
    r"|file_text",
    re.IGNORECASE,
)
_UNFIT = re.compile(r"[\x00\ud800-\udfff]")
#: What is looked for has one of these in it, in small letters. To look for them first costs a
#: tenth of looking for all of it.
_MARKS = (
    *("agentos-", "sk-", "gho_", "ghp_", "ghs_", "ghu_", "ghr_", "github_pat_", "glpat-", "xox"),
    *("akia", "asia", "aiza", "eyj", "-----begin", "bearer", "basic", "authorization", "cookie"),
    *("passw", "passphrase", "secret", "token", "key", '"', "@"),
)
_scrubbed = Scrubber().text
#: Beyond what cassettes are scrubbed of: what people type. Here it costs nothing to take too much.
_TYPED = re.compile(
    r"""
      ((?:passw(?:or)?d|passphrase|secret|token|api[-_]?key|access[-_]?key)"?\s?[=:]\s?["']?)
      (?!<)[^\s"'&]+
    | (--?(?:passw(?:or)?d|passphrase|secret|token|api-key)\s+)(?!<)[^\s"'-][^\s"']*
    | (://[^/\s:@]*:)[^/\s@]+(?=@)
    """,
    re.VERBOSE | re.IGNORECASE,
)
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


def redacted(arguments: object) -> str:
    """Return what may be kept of arguments, as JSON of at most `MOST_KEPT` characters.

    Args:
        arguments: Anything; what JSON has no word for is replaced by the name of its type.

    Example:
        ```python
        redacted({"path": "a.txt", "content": "hello", "api_key": "1234"})
        # {"path":"a.txt","content":{"bytes":5,"sha256":"2cf24dba5fb0a30e"},"api_key":"<secret>"}
        ```
    """
    kept = _encode(_Walk().value(arguments, 0))
    if len(kept) <= MOST_KEPT:
        return kept
    names = (
        [fit(str(key), 40) for key in list(arguments)[:20]] if isinstance(arguments, dict) else []
    )
    return _encode({"too_long": len(kept), "names": [_scrub(name) for name in names]})


def fit(text: str, most: int) -> str:
    """Cut a text, and replace what no database or JSON reader takes."""
    if len(text) > most:
        text = text[: most - 1] + "…"
    return text if text.isascii() and "\0" not in text else _UNFIT.sub("\ufffd", text)


def without_secrets(text: str) -> str:
    """Take out what looks like a secret."""
    return text if len(text) < _SHORTEST_SECRET else _scrub(text[:LONGEST_TEXT])


def _scrub(text: str) -> str:
    small = text.lower()
    for mark in _MARKS:
        if mark in small:
            return _TYPED.sub(_hidden, _scrubbed(text))
    return text


def _hidden(found: re.Match[str]) -> str:
    return next(group for group in found.groups() if group) + SECRET


class _Walk:
    """One pass over a value, which ends after a number of values however they are nested."""

    def __init__(self) -> None:
        self._left = _MOST_VALUES

    def value(self, value: object, depth: int) -> object:
        self._left -= 1
        if isinstance(value, str):
            return _text(value)
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int):
            return int(value) if abs(value) < _LARGEST_INTEGER else "<int>"
        if isinstance(value, float):
            return float(value) if math.isfinite(value) else f"<{value}>"
        if isinstance(value, bytes | bytearray):
            return _digest(bytes(value))
        if depth >= _DEEPEST or self._left <= 0:
            return "…"
        if isinstance(value, Mapping):
            return self._mapping(value, depth)
        if isinstance(value, list | tuple):
            return self._items(value, depth)
        return f"<{type(value).__name__}>"

    def _mapping(self, mapping: Mapping[object, object], depth: int) -> dict[str, object]:
        kept: dict[str, object] = {}
        for key, value in mapping.items():
            if self._left <= 0:
                kept["…"] = len(mapping) - len(kept)
                break
            name = key[:LONGEST_TEXT] if isinstance(key, str) else f"<{type(key).__name__}>"
            rule = _rule(name)
            if rule is SECRET and value not in (None, "") and not _is_amount(name, value):
                kept[_name(name)] = SECRET
            elif rule == "content" and isinstance(value, str):
                kept[_name(name)] = _digest(value.encode("utf-8", "surrogatepass"))
            else:
                kept[_name(name)] = self.value(value, depth + 1)
        return kept

    def _items(self, items: list[object] | tuple[object, ...], depth: int) -> list[object]:
        kept: list[object] = []
        for item in items:
            if self._left <= 0:
                kept.append("…")
                break
            kept.append(self.value(item, depth + 1))
        return kept


@lru_cache(maxsize=1024)
def _rule(name: str) -> str | None:
    """Tell what becomes of a text by its name: a secret, a content, or nothing special."""
    if _SECRET_NAME.search(name):
        return SECRET
    return "content" if _CONTENTS.fullmatch(name) else None


def _is_amount(name: str, value: object) -> bool:
    """Tell `max_tokens` from tokens."""
    return name.lower().endswith("tokens") and isinstance(value, int | float)


def _text(text: str) -> object:
    if len(text) > LONGEST_TEXT:
        return _digest(text.encode("utf-8", "surrogatepass"))
    text = fit(text, LONGEST_TEXT)
    return without_secrets(text)


@lru_cache(maxsize=1024)
def _name(name: str) -> str:
    return fit(_scrub(fit(name, LONGEST_TEXT)), _LONGEST_NAME)


def _digest(content: bytes) -> dict[str, object]:
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()[:16]}
