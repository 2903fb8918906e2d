"""Text as it is in a file: its encoding, byte order mark and line ends, kept when written."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from typing import Literal

from agentos.errors import FileRefused

Newline = Literal["lf", "crlf", "none"]

_MARKS = (  # the longer ones first: that of UTF-32 begins as that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


@dataclass(frozen=True)
class Text:
    """The text of a file, and how it is written there.

    Attributes:
        content: The text, without byte order mark, line ends as they are.
        encoding: Such as `utf-8`; `latin-1` where the bytes are not UTF-8 and tell nothing else.
        mark: The byte order mark.
    """

    content: str
    encoding: str = "utf-8"
    mark: bytes = b""

    @property
    def newline(self) -> Newline:
        """Which line end most of its lines have."""
        crlf = self.content.count("\r\n")
        lf = self.content.count("\n") - crlf
        return "none" if crlf == lf == 0 else "crlf" if crlf > lf else "lf"

    def encode(self, content: str, path: str) -> bytes:
        """Write another content the same way.

        Raises:
            FileRefused: The encoding has no bytes for it.
        """
        try:
            return self.mark + content.encode(self.encoding)
        except UnicodeEncodeError as error:
            raise FileRefused(
                f"{path!r} is {self.encoding}, which cannot write "
                f"{content[error.start : error.end][:20]!r}",
                code="encoding_error",
                path=path,
                hint="give the encoding to change the file to, such as utf-8",
            ) from error


def decode(data: bytes, path: str, encoding: str | None = None) -> Text | None:
    """Read bytes as text; None if they are none.

    Args:
        data: The whole content of a file.
        path: Its name, for errors.
        encoding: Take this one; by default it is told by a byte order mark, or it is UTF-8, or
            else Latin-1, which has a character for each byte. A NUL byte says that it is no text.

    Raises:
        FileRefused: There is no such encoding, or the bytes are not of it.
    """
    mark, marked = next(((m, e) for m, e in _MARKS if data.startswith(m)), (b"", None))
    if encoding is not None:
        chosen = codec(encoding, path)
        mark = mark if marked == chosen else b""
        return Text(_strictly(data[len(mark) :], chosen, path), chosen, mark)
    if marked is not None:
        try:
            return Text(data[len(mark) :].decode(marked), marked, mark)
        except UnicodeDecodeError:
            return None
    if b"\0" in data:
        return None
    try:
        return Text(data.decode("utf-8"))
    except UnicodeDecodeError:
        return Text(data.decode("latin-1"), "latin-1")


def codec(encoding: str, path: str) -> str:
    """Return the usual name of an encoding of text.

    Raises:
        FileRefused: There is none of that name.
    """
    try:
        "a".encode(encoding)  # refuses codecs such as hex, which are not for text
        found = codecs.lookup(encoding).name
    except (LookupError, ValueError) as error:
        raise FileRefused(
            f"there is no encoding {encoding!r}", code="encoding_error", path=path
        ) from error
    return "latin-1" if found == "iso8859-1" else found


def _strictly(data: bytes, encoding: str, path: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise FileRefused(
            f"{path!r} is not {encoding}: {error.reason} at byte {error.start}",
            code="encoding_error",
            path=path,
            hint="leave out the encoding, or ask for another one",
        ) from error


def with_newlines(content: str, newline: Newline) -> str:
    """Give a text that has only LF the line ends of a file."""
    return content.replace("\n", "\r\n") if newline == "crlf" and "\r\n" not in content else content
