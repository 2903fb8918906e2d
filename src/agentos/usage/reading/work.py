"""Read one file from where it was left, a piece at a time."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import sys
import time
from collections.abc import Callable, Iterator
from typing import BinaryIO, Protocol

from agentos.usage.reading.codex import CodexRollout
from agentos.usage.reading.entry import BadLine, Entry, part, word
from agentos.usage.reading.job import UNSEEN, Format, Job, Piece, Place, signs
from agentos.usage.reading.lines import LONGEST_LINE, Line, Lines, Wanting
from agentos.usage.reading.scan import Scan, Scanner

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

__all__ = ["Format", "Job", "Piece", "Place", "is_still", "read", "signs", "zstd"]

#: Read at a time; small enough for the processor's cache.
_BUFFER = 256 << 10
#: Calls in one piece.
_PIECE = 5000
#: How much of a file's beginning, and before where it was left, tells it from another.
_SAMPLE = 1024


def read(
    job: Job, scanner: Scanner | None = None, stopped: Callable[[], bool] = bool
) -> Iterator[Piece]:
    """Read what a file tells that it did not tell before. A piece can be kept without the next.

    Args:
        job: The file.
        scanner: Reads rollouts faster.
        stopped: Tells that nobody waits for more: what then comes means nothing.
    """
    piece = Piece(job.path, job.place)
    try:
        with _opened(job.path) as file:
            piece.seen = signs(job.path, os.fstat(file.fileno()))
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                piece.problem(0, "no_file", "it is not a regular file")
                yield piece
            elif job.format in (Format.CODEX, Format.CLAUDE, Format.GEMINI):
                yield from _lines(job, file, piece, scanner, stopped)
            elif job.format is Format.OPENCODE_DATABASE:
                yield from _database(job, piece)
            else:
                yield _document(job, file, piece)
    except OSError as error:
        piece = Piece(job.path, job.place)
        piece.unreadable(error)
        yield piece


def _opened(path: str) -> BinaryIO:
    # Were it a pipe, opening it would wait for a writer.
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    return open(handle, "rb", buffering=_BUFFER)


class _Unpacked:
    """A packed file, which may be short and yet gigabytes: it ends where reading is stopped."""

    def __init__(self, file: BinaryIO, stopped: Callable[[], bool]) -> None:
        self._plain = zstd.ZstdFile(file)
        self._stopped = stopped

    def readline(self, size: int, /) -> bytes:
        return b"" if self._stopped() else self._plain.readline(size)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._plain)


def _lines(
    job: Job,
    file: BinaryIO,
    piece: Piece,
    scanner: Scanner | None,
    stopped: Callable[[], bool],
) -> Iterator[Piece]:
    place = piece.place = job.place
    packed = job.path.endswith(".zst")
    if packed or not _goes_on(file, place):
        place = Place()
        piece.anew = True
    rollout = _reader(job, place.state)
    lines: Lines | Scan
    if scanner and not packed and isinstance(rollout, CodexRollout):
        lines = Scan(scanner, file, rollout, place.offset, place.line)
    else:
        file.seek(place.offset)
        plain = _Unpacked(file, stopped) if packed else file
        short = not packed and piece.seen[2] < LONGEST_LINE
        lines = Lines(plain, rollout, place.offset, place.line, short=short)
    begun = place.offset
    try:
        for found in lines:
            if isinstance(found, Line):
                _read_line(rollout, found, piece)
            elif isinstance(rollout, CodexRollout):
                piece.calls.append(rollout.calls(found))
            if piece.size >= _PIECE and not lines.waiting:
                piece.place = _place(file, lines, rollout.state, packed)
                piece.read, begun = lines.offset - begun, lines.offset
                following = piece.following()
                yield _booked(job, piece)
                piece = following
    except (zstd.ZstdError, EOFError) as error:
        piece.problem(lines.number + 1, "corrupt", f"it cannot be unpacked further: {error}")
    except OSError as error:
        piece.unreadable(error)
    piece.place = _place(file, lines, rollout.state, packed)
    piece.read = lines.offset - begun
    _last_line(rollout, lines, piece)
    yield _booked(job, piece)


class Reader(Wanting, Protocol):
    """Who reads the lines of a file, in their order."""

    @property
    def state(self) -> str:
        """What has to be remembered for the lines to come."""

    def read(self, line: Line) -> list[Entry]:
        """Return the calls that a line tells of."""


def _reader(job: Job, state: str) -> Reader:
    """Return who reads the lines of a file; only who is needed is imported."""
    name = os.path.basename(job.path)
    if job.format is Format.CODEX:
        return CodexRollout(name, state)
    if job.format is Format.CLAUDE:
        from agentos.usage.reading.claude import ClaudeTranscript

        return ClaudeTranscript(name, state)
    from agentos.usage.reading.gemini import GeminiChat

    return GeminiChat(name, state)


def _read_line(reader: Reader, line: Line, piece: Piece) -> None:
    if not line.text:
        piece.problem(line.number, "invalid_json", "it is no JSON object, or longer than 32 MB")
        return
    try:
        piece.entries += reader.read(line)
    except BadLine as error:
        piece.problem(line.number, error.kind, str(error))
    except (ValueError, RecursionError) as error:
        piece.problem(line.number, "invalid_json", f"it is no JSON: {error}")


def _last_line(reader: Reader, lines: Lines | Scan, piece: Piece) -> None:
    """Count a last line that lacks only its end; it is read again when that has come."""
    text = lines.rest.strip()
    if not text.endswith(b"}") or not reader.wants(text):
        return
    try:
        piece.entries += reader.read(Line(lines.number + 1, lines.offset, text))
    except (ValueError, RecursionError):
        return  # half-written


def _place(file: BinaryIO, lines: Lines | Scan, state: str, packed: bool) -> Place:
    if packed:
        return Place(0, lines.number)
    head, tail = _samples(file, lines.offset)
    return Place(lines.offset, lines.number, state, head, tail)


def is_still(path: str, place: Place) -> bool:
    """Tell whether a file begins with what was read of another, so that it is the same one."""
    try:
        with _opened(path) as file:
            return _goes_on(file, place)
    except OSError:
        return False


def _goes_on(file: BinaryIO, place: Place) -> bool:
    """Tell whether the file still begins with what was read of it."""
    if not place.offset:
        return False
    return _samples(file, place.offset) == (place.head, place.tail)


def _samples(file: BinaryIO, offset: int) -> tuple[str, str]:
    size = min(_SAMPLE, offset)
    handle = file.fileno()
    return (
        _fingerprint(os.pread(handle, size, 0)),
        _fingerprint(os.pread(handle, size, offset - size)),
    )


def _fingerprint(data: bytes) -> str:
    return f"{len(data)}:{hashlib.blake2b(data, digest_size=16).hexdigest()}"


def _document(job: Job, file: BinaryIO, piece: Piece) -> Piece:
    text = b""
    while len(text) <= LONGEST_LINE and (block := file.read(1 << 20)):
        text += block
    piece.read = len(text)
    name = os.path.basename(job.path)
    if len(text) > LONGEST_LINE:
        piece.problem(0, "too_long", "it is longer than 32 MB")
        return piece
    try:
        if job.format is Format.GEMINI_DOCUMENT:
            _read_document(json.loads(text), text, name, piece)
        else:
            from agentos.usage.reading import opencode

            session = os.path.basename(os.path.dirname(job.path))
            found = opencode.message_entry(text.decode(), name.removesuffix(".json"), session, 1)
            piece.entries = [found] if found else []
    except BadLine as error:
        piece.problem(1, error.kind, str(error))
    except (ValueError, RecursionError) as error:
        piece.problem(1, "invalid_json", f"it is no JSON: {error}")
    return _booked(job, piece)


def _read_document(document: object, text: bytes, name: str, piece: Piece) -> None:
    from agentos.usage.reading import gemini

    session = word(part(document).get("sessionId")) or name
    for message, line in gemini.document_messages(document, text):
        try:
            if found := gemini.message_entry(message, session, line):
                piece.entries.append(found)
        except BadLine as error:
            piece.problem(line.number, error.kind, str(error))


def _database(job: Job, piece: Piece) -> Iterator[Piece]:
    import sqlite3
    from pathlib import Path

    from agentos.usage.reading import opencode

    latest, last = job.place.offset, job.place.line
    now = round(time.time() * 1000)
    try:
        for number, own, session, changed, text in opencode.database_rows(
            Path(job.path), latest, last
        ):
            # Were a time to come taken for the latest, nothing before it would be read any more.
            latest = max(latest, min(changed, now) if isinstance(changed, int) else 0)
            last = max(last, number)
            try:
                piece.read += len(text)
                if found := opencode.message_entry(text, word(own), word(session), number):
                    piece.entries.append(found)
            except BadLine as error:
                piece.problem(number, error.kind, str(error))
            except (ValueError, TypeError, RecursionError) as error:
                piece.problem(number, "invalid_json", f"it is no JSON: {error}")
            if piece.size >= _PIECE:
                piece.place = Place(latest, last)
                following = piece.following()
                yield _booked(job, piece)
                piece = following
        piece.place = Place(latest, last)
    except sqlite3.Error as error:
        piece.problem(0, "unreadable", f"the database cannot be read: {error}")
        piece.seen = UNSEEN
    yield _booked(job, piece)


def _booked(job: Job, piece: Piece) -> Piece:
    if not job.session:
        return piece
    of = {"session": job.session, "profile": job.profile, "agent": job.agent}
    piece.entries = [
        entry._replace(caller=entry.caller._replace(**of))
        for entry in piece.entries
        if entry.response_id or not job.metered
    ]
    piece.calls = [calls.called_by(**of) for calls in piece.calls]
    return piece
