"""A program's output: each line as it comes, and the end of it all."""

from __future__ import annotations

import asyncio
import codecs
import re
from collections import deque
from collections.abc import AsyncGenerator

TAIL = 20_000  # characters that are kept
LINE = 2_000  # characters of a line
_CONTROL = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|[\x00-\x08\x0b-\x1f\x7f]"
)


class Tail:
    """The end of an output, cleared of what steers a terminal."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque()
        self._length = 0
        self.truncated = False

    @property
    def text(self) -> str:
        """The end of the output."""
        return "\n".join(self._lines)

    async def lines(self, stream: asyncio.StreamReader) -> AsyncGenerator[str, None]:
        """Yield the lines of a stream; an endless one comes in pieces."""
        decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        rest = ""
        while chunk := await stream.read(1 << 14):
            rest += decoder.decode(chunk)
            *whole, rest = re.split(r"\r?\n|\r", rest)
            while len(rest) > LINE:
                whole.append(rest[:LINE])
                rest = rest[LINE:]
            for line in whole:
                yield self._keep(line)
        if rest := rest + decoder.decode(b"", final=True):
            yield self._keep(rest)

    def _keep(self, line: str) -> str:
        clean = _CONTROL.sub("", line)
        self.truncated = self.truncated or len(clean) > LINE
        kept = clean[:LINE]
        self._lines.append(kept)
        self._length += len(kept) + 1
        while self._length > TAIL:
            self._length -= len(self._lines.popleft()) + 1
            self.truncated = True
        return kept
