"""Read a file, or a range of its lines or bytes."""

from __future__ import annotations

import hashlib
import os
from base64 import b64encode
from dataclasses import dataclass

from agentos.errors import FileRefused
from agentos.hub.files.refusals import refusals
from agentos.hub.files.results import FileContent
from agentos.hub.files.text import Text, decode
from agentos.hub.files.tree import Tree
from agentos.machine.blocking_io import in_thread, read_all

#: Less is read without the detour of a thread.
INLINE = 256 * 1024
LARGEST_TEXT = 64 * 1024 * 1024
LARGEST_HASHED = 256 * 1024 * 1024
_CHUNK = 1024 * 1024


@dataclass(frozen=True)
class Range:
    """What of a file is asked for.

    Attributes:
        start_line, end_line: Lines from 1, both included.
        offset, length: Bytes from 0; either makes it a range of bytes.
        encoding: Of the text; by default the file tells.
        max_bytes: The most to return.
    """

    start_line: int | None = None
    end_line: int | None = None
    offset: int | None = None
    length: int | None = None
    encoding: str | None = None
    max_bytes: int = INLINE

    @property
    def of_bytes(self) -> bool:
        """Whether bytes are asked for, not lines."""
        return self.offset is not None or self.length is not None

    def check(self, path: str) -> None:
        """Refuse a range that means nothing.

        Raises:
            FileRefused: It mixes lines and bytes, or one of its ends is not possible.
        """
        lines = self.start_line is not None or self.end_line is not None
        start = 1 if self.start_line is None else self.start_line
        offset = self.offset or 0
        wrong = None
        if lines and self.of_bytes:
            wrong = "lines and bytes cannot both be asked for"
        elif start < 1 or (self.end_line is not None and self.end_line < start):
            wrong = f"there are no lines {start} to {self.end_line}"
        elif offset < 0 or (self.length is not None and self.length < 0):
            wrong = "offset and length are 0 or more"
        if wrong:
            raise FileRefused(wrong, code="range_invalid", path=path)


async def read(tree: Tree, path: str, wanted: Range) -> FileContent:
    """Return a file or a range of it."""
    wanted.check(path)
    place = tree.locate(path)
    fd = await tree.open(place)
    try:
        with refusals(place.shown):
            if os.fstat(fd).st_size > INLINE:
                return await in_thread(_content, fd, place.shown, wanted)
            return _content(fd, place.shown, wanted)
    finally:
        os.close(fd)


def _content(fd: int, shown: str, wanted: Range) -> FileContent:
    size = os.fstat(fd).st_size
    if size > LARGEST_TEXT:
        return _of_large(fd, size, shown, wanted)
    data = read_all(fd, 0, LARGEST_TEXT)
    digest = hashlib.sha256(data).hexdigest()
    text = decode(data, shown, wanted.encoding)
    if wanted.of_bytes:
        return _bytes(data, len(data), digest, shown, wanted, text)
    if text is None:
        return _bytes(data, len(data), digest, shown, wanted, None)
    return _lines(text, len(data), digest, shown, wanted)


def _lines(text: Text, size: int, digest: str, shown: str, wanted: Range) -> FileContent:
    lines = text.content.split("\n")
    lines = [line + "\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])
    start = wanted.start_line or 1
    if start > max(len(lines), 1):
        raise FileRefused(
            f"{shown!r} has {len(lines)} lines, so none is number {start}",
            code="range_invalid",
            path=shown,
        )
    asked = lines[start - 1 : wanted.end_line]
    taken: list[str] = []
    left = wanted.max_bytes
    for line in asked:
        left -= len(line.encode("utf-8", "surrogatepass"))
        if left < 0:
            break
        taken.append(line)
    if asked and not taken:  # one line that is too long by itself
        taken = [asked[0][: wanted.max_bytes // 4]]
    content = "".join(taken)
    return FileContent(
        path=shown,
        size=size,
        sha256=digest,
        text=content,
        encoding=text.encoding,
        bom=bool(text.mark),
        newline=text.newline,
        start_line=start if taken else None,
        end_line=start + len(taken) - 1 if taken else None,
        lines=len(lines),
        truncated=len(content) < sum(map(len, asked)),
    )


def _bytes(
    data: bytes, size: int, digest: str | None, shown: str, wanted: Range, text: Text | None
) -> FileContent:
    """Return a range of `data`, which starts at the file's own beginning."""
    offset = wanted.offset or 0
    end = size if wanted.length is None else min(offset + wanted.length, size)
    piece = data[offset : min(end, offset + wanted.max_bytes)]
    return _piece(piece, offset, end, size, digest, shown, text)


def _piece(
    piece: bytes,
    offset: int,
    end: int,
    size: int,
    digest: str | None,
    shown: str,
    text: Text | None,
) -> FileContent:
    content = None
    if text is not None:
        try:
            content = piece.decode(text.encoding)
        except UnicodeDecodeError:
            pass  # the range begins or ends within a character: its bytes are returned
    return FileContent(
        path=shown,
        size=size,
        sha256=digest,
        text=content,
        base64=b64encode(piece).decode() if content is None else None,
        encoding=text.encoding if text else None,
        bom=bool(text and text.mark),
        newline=text.newline if text else "none",
        offset=offset,
        truncated=offset + len(piece) < end,
    )


def _of_large(fd: int, size: int, shown: str, wanted: Range) -> FileContent:
    if not wanted.of_bytes:
        raise FileRefused(
            f"{shown!r} has {size} bytes, more than the {LARGEST_TEXT} that are read as lines",
            code="file_too_large",
            path=shown,
            hint="ask for a range with offset and length",
        )
    digest = _digest(fd) if size <= LARGEST_HASHED else None
    offset = wanted.offset or 0
    end = size if wanted.length is None else min(offset + wanted.length, size)
    os.lseek(fd, offset, os.SEEK_SET)
    piece = read_all(fd, 0, max(0, min(end - offset, wanted.max_bytes)))
    return _piece(piece, offset, end, size, digest, shown, None)


def _digest(fd: int) -> str:
    digest = hashlib.sha256()
    os.lseek(fd, 0, os.SEEK_SET)
    while chunk := os.read(fd, _CHUNK):
        digest.update(chunk)
    return digest.hexdigest()
