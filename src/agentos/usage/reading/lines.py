"""Find the few lines of a file that count, without looking into the others.

A rollout is mostly what tools printed, so most lines are only asked whether they look wanted. The
file is read and not mapped: a mapped file that somebody truncates kills who reads it.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import NamedTuple, Protocol

#: No line that counts is near as long.
LONGEST_LINE = 32 << 20
_OPENING = ord("{")
#: Of a NamedTuple, twice as fast as naming its class.
_new = tuple.__new__


class Readable(Protocol):
    """A file that is open for reading."""

    def readline(self, size: int, /) -> bytes: ...

    def __iter__(self) -> Iterator[bytes]: ...


class Wanting(Protocol):
    """Who knows what lines are wanted.

    Attributes:
        at: Where in a line it says what it is, as far as is known.
        others: What stands there in lines that are not wanted.
    """

    others: tuple[bytes, ...]
    at: int

    def wants(self, text: bytes, /) -> object: ...


class Line(NamedTuple):
    """A line that may be wanted.

    Attributes:
        number: From 1.
        offset: Where it begins, in bytes.
        text: The line; empty if it was too long to keep, or is no JSON object.
    """

    number: int
    offset: int
    text: bytes


class Lines:
    """The lines of a file that are wanted, and those that are no JSON objects.

    While they are walked through, `offset` and `number` tell how far it went.

    Args:
        file: The file, at `offset`.
        wanting: Tells quickly whether a line may be wanted.
        offset: Where the first line begins, in bytes.
        number: How many lines are before it.
        short: No line of the file can be too long to keep, since the file is not.

    Attributes:
        offset: Where the last whole line that was read ends.
        number: How many lines end there.
        rest: What follows them: a line that is not whole yet.
        waiting: Something before that place is not told yet.
    """

    waiting = False

    def __init__(
        self,
        file: Readable,
        wanting: Wanting,
        offset: int = 0,
        number: int = 0,
        *,
        short: bool = False,
    ) -> None:
        self._file = file
        self._short = short
        self._wanting = wanting
        self.offset = offset
        self.number = number
        self.rest = b""

    def __iter__(self) -> Iterator[Line]:
        wanting, number, offset = self._wanting, self.number, self.offset
        others, at, wants = wanting.others, wanting.at, wanting.wants
        # Without a limit, Python need not be asked for each line.
        limited = iter(partial(self._file.readline, LONGEST_LINE), b"")
        for text in self._file if self._short else limited:
            begin = offset
            if text[-2:] == b"}\n" and text[0] == _OPENING:
                offset += len(text)
                number += 1
                if text.startswith(others, at):
                    continue
            else:
                size, odd = self._odd(text)
                if not size:
                    break  # the last line, not whole yet
                offset += size
                number += 1
                if odd is None:
                    continue
                text = odd
            if not text or wants(text):
                self.offset, self.number = offset, number
                yield _new(Line, (number, begin, text))
            at = wanting.at
        self.offset, self.number = offset, number

    def _odd(self, text: bytes) -> tuple[int, bytes | None]:
        """Return the size of a line that is not as usual, 0 if its end is missing, and the line.

        It is None if there is nothing in it, and empty if it is no JSON object or too long.
        """
        size = len(text)
        if text[-1:] != b"\n":
            if size < LONGEST_LINE:
                self.rest = text
                return 0, b""
            while text and text[-1:] != b"\n":
                text = self._file.readline(LONGEST_LINE)
                size += len(text)
            return (size, b"") if text else (0, b"")
        text = text.strip()
        if not text:
            return size, None
        return size, text if text[:1] == b"{" and text[-1:] == b"}" else b""
