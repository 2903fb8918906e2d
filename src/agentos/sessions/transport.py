"""ACP messages over an agent's stdin and stdout, a line of JSON each."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any

Notify = Callable[[str, Mapping[str, Any]], None]


class LineTransport:
    """Move messages between an agent and the ACP SDK.

    Notifications do not reach the SDK: it would handle them out of order, and drop the kinds
    that it does not know. Lines that are no message are reported and skipped.

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
        self._writer = writer
        self._reader = reader
        self._on_notification = on_notification
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

    async def receive(self) -> dict[str, Any] | None:
        """Read the next request or response; None at the end."""
        try:
            while line := await self._read_line():
                if message := self._take(line):
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

    def _take(self, line: bytes) -> dict[str, Any] | None:
        """Return a message for the SDK; deal with anything else."""
        if not line.strip():
            return None
        try:
            message = json.loads(line)
        except (ValueError, RecursionError):
            message = None
        if not isinstance(message, dict) or not _is_message(message):
            shown = line[:200].decode(errors="replace").strip()
            self._on_garbage(f"it wrote a line on its stdout that is no message: {shown}")
            return None
        if "method" in message and "id" not in message:
            params = message.get("params")
            self._on_notification(message["method"], params if isinstance(params, dict) else {})
            return None
        return message


def _is_message(message: Mapping[str, Any]) -> bool:
    if "method" in message:
        return isinstance(message["method"], str)
    error = message.get("error")
    return isinstance(message.get("id"), int) and (error is None or isinstance(error, dict))
