"""Stdin and stdout of the bridge: lines in, lines out, and nothing else on stdout."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import AsyncGenerator
from typing import BinaryIO


class Stdout:
    """The client's end: whatever else the process prints goes to stderr from now on."""

    def __init__(self) -> None:
        sys.stdout.flush()
        self._descriptor = os.dup(1)
        os.dup2(2, 1)
        self._writing = asyncio.Lock()

    async def send(self, message: bytes) -> None:
        """Write one message.

        Raises:
            BrokenPipeError: The client reads no more.
        """
        line = b"".join(message.splitlines()) + b"\n"
        async with self._writing:
            await asyncio.to_thread(self._write, line)

    def _write(self, line: bytes) -> None:
        left = memoryview(line)
        while left:
            left = left[os.write(self._descriptor, left) :]


async def lines_of(stream: BinaryIO) -> AsyncGenerator[bytes]:
    """Yield the lines of a pipe, a terminal or a file until its end.

    A thread reads it: nothing else reads all three alike on every system. It ends with the
    process if the stream does not.
    """
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[bytes] = asyncio.Queue()

    def read() -> None:
        while line := stream.readline():
            loop.call_soon_threadsafe(lines.put_nowait, line)
        loop.call_soon_threadsafe(lines.put_nowait, b"")

    threading.Thread(target=read, name="stdin", daemon=True).start()
    while line := await lines.get():
        yield line
