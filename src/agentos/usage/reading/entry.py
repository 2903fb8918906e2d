"""What a reader finds: a call as the ledger keeps it, or a line that cannot be counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

#: Of one call: ten times the largest context that any model has.
MOST_TOKENS = 100_000_000
#: Of a whole thread.
MOST_IN_ALL = 1 << 40
#: Bytes of a directory's path that are kept, and of a service tier.
LONGEST_PATH = 1000
LONGEST_TIER = 40
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST, _LAST = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) * 1000 for year in (2015, 2200))


class Caller(NamedTuple):
    """Who made a call, and of whom: what many calls have in common.

    See `agentos.usage.call.ModelCall` for each.
    """

    source: str
    client: str
    session: str = ""
    thread: str = ""
    provider: str = ""
    model: str = ""
    project: str = ""
    profile: str = ""
    agent: str = ""
    kind: str = ""
    tier: str = ""


class Entry(NamedTuple):
    """A call as one line tells of it; but for the caller, columns of the ledger's table.

    `at` is in milliseconds since 1970. See `agentos.usage.call.ModelCall` for the rest.
    """

    identity: str
    caller: Caller
    at: int
    line: int
    offset: int
    confidence: str = "exact"
    turn: str = ""
    response_id: str = ""
    metered: int = 1
    input: int = 0
    cached_input: int = 0
    cache_write: int = 0
    cache_write_hour: int = 0
    output: int = 0
    reasoning: int = 0
    price: float | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """A line that could not be counted, or a file that could not be read.

    Attributes:
        file: The file.
        line: The line in it, from 1; 0 if it is about the whole file.
        kind: Such as `invalid_json`.
        message: What is wrong with it.
    """

    file: str
    line: int
    kind: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


def unknown_type(what: str, said: object) -> BadLine:
    """Return the error that something may tell of a call, and is of a type that nobody knows."""
    told = repr(said) if len(repr(said)) <= 80 else f"{repr(said)[:80]}..."
    return BadLine("unknown_type", f"what a {what} of the type {told} means is not known")


class BadLine(ValueError):
    """A line that cannot be counted.

    Args:
        kind: Such as `bad_tokens`.
        message: What is wrong with it.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def count(value: Any, most: int = MOST_TOKENS) -> int:
    """Return a number of tokens; of what is not written down, 0.

    Raises:
        BadLine: It is none.
    """
    if type(value) is int and 0 <= value <= most:
        return value
    if value is None:
        return 0
    if type(value) is float and value.is_integer() and 0 <= value <= most:
        return int(value)
    raise BadLine("bad_tokens", f"no number of tokens: {str(value)[:60]!r}")


def milliseconds(text: Any) -> int:
    """Return a written time in milliseconds since 1970.

    Raises:
        BadLine: It is none.
    """
    try:
        found = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise BadLine("bad_time", f"no time: {str(text)[:60]!r}") from None
    if found.tzinfo is None:
        found = found.replace(tzinfo=UTC)
    gone = found - _EPOCH  # much faster than what `timestamp` does
    at = gone.days * 86_400_000 + gone.seconds * 1000 + round(gone.microseconds / 1000)
    if not _FIRST <= at < _LAST:
        raise BadLine("bad_time", f"no time that can be: {str(text)[:60]!r}")
    return at


def part(value: Any) -> Mapping[str, Any]:
    """Return a JSON object; nothing in it if it is something else."""
    return value if isinstance(value, dict) else {}


def word(value: Any, most: int = 200) -> str:
    """Return a JSON string that a database can keep; empty if it is something else.

    None keeps a NUL or half of a surrogate pair, and an index takes no long ones.

    Args:
        value: The string.
        most: How many bytes of it are kept.
    """
    if not isinstance(value, str):
        return ""
    if value.isascii() and len(value) <= most and "\0" not in value:
        return value
    kept = value.replace("\0", "").encode("utf-8", "replace")[:most]
    return kept.decode("utf-8", "ignore")
