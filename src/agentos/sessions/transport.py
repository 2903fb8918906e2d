"""JSON-RPC messages over an agent's stdin and stdout, a line of JSON each."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any

from agentos.sessions.whole_characters import whole_characters

#: How JSON writes half of a character.
_HALF = b"\\ud"
#: Lists and objects within each other that a message may have: readers of events go down them.
MOST_LEVELS = 100
Notify = Callable[[str, Mapping[str, Any]], None]


class Lines:
    """Messages as lines; what is no message is reported and skipped.

    Args:
        writer: The agent's stdin.
        reader: The agent's stdout.
        on_garbage: Given a description of each line that is no message.
    """

    def __init__(
        self,
        writer: asyncio.StreamWriter,
        reader: asyncio.StreamReader,
        on_garbage: Callable[[str], None],
    ) -> None:
        self._writer = writer
        self._reader = reader
        self._on_garbage = on_garbage
        self.at_end = asyncio.Event()

    async def send(self, message: dict[str, Any]) -> None:
        """Write a message.

        Raises:
            ConnectionError: The agent has closed its stdin; an answer to it is then dropped.
        """
        try:
            if self._writer.is_closing():
                raise ConnectionResetError("the agent's stdin is closed")
            self._writer.write(json.dumps(message, separators=(",", ":")).encode() + b"\n")
            await self._writer.drain()
        except ConnectionError:
            if "method" in message:
                raise

    async def read(self) -> dict[str, Any] | None:
        """Read the next message; None at the end."""
        try:
            while line := await self._read_line():
                if message := self._parse(line):
                    return message
        except OSError:
            pass  # the pipe is gone with the agent
        self.at_end.set()
        return None

    async def close(self) -> None:
        """Close the agent's stdin."""
        self._writer.close()

    async def _read_line(self) -> bytes:
        while True:
            try:
                return await self._reader.readline()
            except ValueError:
                self._on_garbage("a line on its stdout was too long and was skipped")

    def _parse(self, line: bytes) -> dict[str, Any] | None:
        if not line.strip():
            return None
        try:
            message = json.loads(line)
        except (ValueError, RecursionError):
            message = None
        if isinstance(message, dict) and _is_message(message) and not _is_deep(message, line):
            return whole_characters(message) if _HALF in line.lower() else message
        shown = line[:200].decode(errors="replace").strip()
        self._on_garbage(f"it wrote a line on its stdout that is no message: {shown}")
        return None


class AcpTransport(Lines):
    """Move messages between an agent and the ACP SDK.

    Notifications do not reach the SDK: it would handle them out of order, and drop the kinds
    that it does not know.

    Args:
        writer: The agent's stdin.
        reader: The agent's stdout.
        on_notification: Given each notification's method and parameters, in order.
        on_garbage: Given a description of each line that is no message.
    """

    def __init__(
        self,
        writer: asyncio.StreamWriter,
        reader: asyncio.StreamReader,
        on_notification: Notify,
        on_garbage: Callable[[str], None],
    ) -> None:
        super().__init__(writer, reader, on_garbage)
        self._on_notification = on_notification

    async def receive(self) -> dict[str, Any] | None:
        """Read the next request or response; None at the end."""
        while (message := await self.read()) is not None:
            if "method" not in message or "id" in message:
                return message
            self._on_notification(message["method"], parameters(message))
        return None


def parameters(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the parameters of a message, empty where it has none."""
    params = message.get("params")
    return params if isinstance(params, dict) else {}


def _is_deep(message: Mapping[str, Any], line: bytes) -> bool:
    if line.count(b"{") + line.count(b"[") <= MOST_LEVELS:
        return False
    within: list[Any] = [message]
    for _ in range(MOST_LEVELS):
        within = [
            part
            for outer in within
            for part in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(part, dict | list)
        ]
    return bool(within)


def _is_message(message: Mapping[str, Any]) -> bool:
    if "method" in message:
        return isinstance(message["method"], str)
    error = message.get("error")
    return isinstance(message.get("id"), int) and (error is None or isinstance(error, dict))
