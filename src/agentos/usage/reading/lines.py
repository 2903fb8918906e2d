"""Find the few lines of a file that count, without looking into the others.

A rollout is mostly what tools printed. Only lines that hold a wanted word in quotes are parsed;
inside a JSON string the quotes would be escaped, so such a word is never part of a text. The
file is read and not mapped: a mapped file that somebody truncates kills who reads it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

#: Read at a time; small enough for the processor's cache.
_BLOCK = 1 << 20
#: No line that counts is near as long.
LONGEST_LINE = 32 << 20


class Readable(Protocol):
    """A file that is open for reading."""

    def read(self, size: int, /) -> bytes: ...


class Line(NamedTuple):
    """A line that holds a wanted word.

    Attributes:
        number: From 1.
        offset: Where it begins, in bytes.
        text: Without its end; empty if the line was too long to keep, or is no JSON object.
    """

    number: int
    offset: int
    text: bytes


class Lines:
    """The lines of a file that hold one of some words.

    Args:
        file: The file, at `offset`.
        words: What makes a line wanted, such as `b'"usage"'`.
        offset: Where the first line begins, in bytes.
        number: How many lines are before it.

    Attributes:
        offset: Where the last whole line that was read ends.
        number: How many lines end there.
        rest: What follows them: a line that is not whole yet.
    """

    def __init__(
        self, file: Readable, words: Sequence[bytes], offset: int = 0, number: int = 0
    ) -> None:
        self._file = file
        self._words = words
        self.offset = offset
        self.number = number
        self.rest = b""

    def blocks(self) -> Iterator[list[Line]]:
        """Yield the wanted lines of some whole lines at a time; those that are odd come too.

        After each, `offset` and `number` tell how far it went.
        """
        dropped = 0  # bytes of a line that is too long, not kept
        while block := self._file.read(_BLOCK):
            end = block.rfind(b"\n") + 1
            if not end:
                if dropped or len(self.rest) + len(block) > LONGEST_LINE:
                    dropped += len(self.rest) + len(block)
                    self.rest = b""
                else:
                    self.rest += block
                continue
            found = []
            begin = 0
            if dropped:
                begin = block.find(b"\n") + 1
                self.number += 1
                found.append(Line(self.number, self.offset, b""))
                self.offset += dropped + begin
                dropped = 0
            whole = self.rest + block[begin:end] if self.rest else block[begin:end]
            found += self._wanted(whole)
            self.rest = block[end:]
            yield found

    def _wanted(self, whole: bytes) -> list[Line]:
        found = []
        number, counted, done = self.number, 0, 0
        odd = set() if _regular(whole) else _odd(whole)
        for position in sorted(odd.union(*(_positions(whole, word) for word in self._words))):
            if position < done:
                continue  # of the same line
            start = whole.rfind(b"\n", 0, position) + 1
            end = done = whole.find(b"\n", position) + 1
            number += whole.count(b"\n", counted, start)
            counted = start
            text = b"" if start in odd else whole[start : end - 1]
            found.append(Line(number + 1, self.offset + start, text))
        self.number = number + whole.count(b"\n", counted)
        self.offset += len(whole)
        return found


def _positions(whole: bytes, word: bytes) -> list[int]:
    found = []
    position = whole.find(word)
    while position >= 0:
        found.append(position)
        position = whole.find(word, position + len(word))
    return found


def _regular(whole: bytes) -> bool:
    """Tell whether each line begins and ends as a JSON object does."""
    if not whole:
        return True
    joints = whole.count(b"}\n{")
    return whole[:1] == b"{" and whole[-2:] == b"}\n" and joints == whole.count(b"\n") - 1


def _odd(whole: bytes) -> set[int]:
    """Return where the lines begin that are no JSON objects."""
    found = set()
    start = 0
    for line in whole.split(b"\n")[:-1]:
        text = line.strip()
        if text and not (text[:1] == b"{" and text[-1:] == b"}"):
            found.add(start)
        start += len(line) + 1
    return found
