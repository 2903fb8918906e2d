"""Bytes of a text file, and its text: what its encoding and line endings are stays so."""

from __future__ import annotations

import codecs
from dataclasses import dataclass

from agentos.sync.formats import Malformed

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


@dataclass(frozen=True)
class Text:
    """A text file's content.

    Attributes:
        text: Its characters, with its own line endings.
        encoding: How they are encoded.
        mark: The byte order mark that it begins with, or nothing.
    """

    text: str = ""
    encoding: str = "utf-8"
    mark: bytes = b""

    @classmethod
    def decode(cls, content: bytes) -> Text:
        """Read a file's bytes: UTF-8, or UTF-16 with a byte order mark.

        Raises:
            Malformed: They are neither.
        """
        marked = (each for each in _MARKS if content.startswith(each[0]))
        mark, encoding = next(marked, (b"", "utf-8"))
        try:
            text = content[len(mark) :].decode(encoding)
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, len(mark) + error.start) + 1
            raise Malformed(f"it is no text in {encoding.upper()}", line) from error
        if "\0" in text:
            line = text.count("\n", 0, text.index("\0")) + 1
            raise Malformed("it holds a NUL: it is no text, or UTF-16 without its mark", line)
        return cls(text, encoding, mark)

    @property
    def newline(self) -> str:
        """How most of its lines end."""
        crlf = self.text.count("\r\n")
        return "\r\n" if crlf > self.text.count("\n") - crlf else "\n"

    def encode(self, text: str) -> bytes:
        """Write another text as this one is written."""
        return self.mark + text.encode(self.encoding)
