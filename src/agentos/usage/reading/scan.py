"""The program that reads rollouts: it finds the calls, and hands other lines on that count.

See `native/rollouts`. What it finds is what `Lines` and `CodexRollout` find; where it was not
built, or does not run, they do without.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import subprocess
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from agentos.errors import AgentOsError
from agentos.usage.reading.lines import Line, Wanting

PROGRAM = Path(__file__).parents[2] / "native" / "agentos-rollouts"

_PLACE = struct.Struct("=QQ")
#: Where it begins and ends, its kind, a number, and how many bytes follow.
_FRAME = struct.Struct("=QQQQIIQ")
_SIZES = struct.Struct("=QQQQ")
_KIND = 4
_LINE, _CALLS, _END, _FAILED = 1, 2, 3, 4
_LAST = (_END, _FAILED)
_COLUMNS = 8


@dataclass(frozen=True, slots=True)
class Records:
    """Records that follow each other, in columns.

    Attributes:
        tokens: Input, cached input, cache writes, output and reasoning.
        begins: The first record of each names.
        names: Thread, session and turn.
        total: What the thread used in all, as the last record tells it, in JSON.
    """

    lines: list[int]
    offsets: list[int]
    times: list[int]
    tokens: list[list[int]]
    begins: list[int]
    responses: list[str]
    names: Sequence[tuple[str, str, str]]
    total: bytes


class Marking(Wanting, Protocol):
    """Who reads lines that tell of records to come."""

    def mark(self, number: int) -> None:
        """Note that the next line was read after so many records of those handed over next."""


class Scan:
    """What a rollout tells: see `Lines`.

    Attributes:
        offset: Where the last whole line that was read ends.
        number: How many lines end there.
        rest: What follows them.
        waiting: Something before that place is not told yet.
    """

    def __init__(
        self, scanner: Scanner, file: BinaryIO, marking: Marking, offset: int, number: int
    ) -> None:
        self._scanner = scanner
        self._file = file
        self._marking = marking
        self.offset = offset
        self.number = number
        self.rest = b""
        self.waiting = False

    def __iter__(self) -> Iterator[Line | Records]:
        place = _PLACE.pack(self.offset, self.number)
        for frame, data in self._scanner.read(self._file, place):
            begin, _, self.offset, self.number, kind, number, _ = frame
            self.waiting = kind == _LINE and number > 0
            if kind == _CALLS:
                yield _records(number, data)
            elif kind == _LINE:
                self._marking.mark(number)
                if not data or self._marking.wants(data):
                    yield Line(self.number, begin, data)
            elif kind == _FAILED:
                raise OSError(number, os.strerror(number))
            else:
                self.rest = data


def _records(size: int, data: bytes) -> Records:
    width = size * 8
    columns = [_numbers(data[at : at + width]) for at in range(0, _COLUMNS * width, width)]
    at = _COLUMNS * width
    parts = []
    sizes = _SIZES.unpack_from(data, at)
    at += _SIZES.size
    for each in sizes:
        parts.append(data[at : at + each])
        at += each
    begins, responses, names, total = parts
    words = iter(names.decode().split("\n"))
    lines, offsets, times, *tokens = columns
    threes = list(zip(words, words, words, strict=False))
    answers = responses.decode().split("\n")[:-1]
    return Records(lines, offsets, times, tokens, _numbers(begins), answers, threes, total)


def _numbers(data: bytes) -> list[int]:
    found = array("q")
    found.frombytes(data)
    return found.tolist()


class Scanner:
    """The program, under way."""

    def __init__(self, process: subprocess.Popen[bytes], requests: socket.socket) -> None:
        assert process.stdout is not None
        self._found = process.stdout
        self._requests = requests

    def read(self, file: BinaryIO, place: bytes) -> Iterator[tuple[tuple[int, ...], bytes]]:
        """Yield what a file tells from a place on, to its end: heads, and what follows each."""
        with contextlib.suppress(ConnectionError):  # its silence tells
            socket.send_fds(self._requests, [place], [file.fileno()])
        kind = _LINE
        while kind not in _LAST:
            frame, data = self._frame()
            kind = frame[_KIND]
            try:
                yield frame, data
            except GeneratorExit:
                while kind not in _LAST:  # they are not the next file's
                    kind = self._frame()[0][_KIND]
                raise

    def _frame(self) -> tuple[tuple[int, ...], bytes]:
        frame = _FRAME.unpack(self._exactly(_FRAME.size))
        return frame, self._exactly(frame[-1])

    def _exactly(self, size: int) -> bytes:
        data = self._found.read(size)
        if len(data) < size:
            raise AgentOsError(
                f"{PROGRAM.name} ended while it read a rollout",
                code="reader_died",
                hint="run it again: what was read is kept",
                retryable=True,
            )
        return data


@contextlib.contextmanager
def scanning() -> Iterator[Scanner | None]:
    """Run the program; None if it is not there, or does not run here."""
    ours, theirs = socket.socketpair()
    with ours, theirs, contextlib.ExitStack() as running:
        try:
            process = subprocess.Popen([PROGRAM], stdin=theirs.fileno(), stdout=subprocess.PIPE)
        except OSError:
            yield None
            return
        running.enter_context(process)
        running.callback(process.kill)
        theirs.close()
        yield Scanner(process, ours)
