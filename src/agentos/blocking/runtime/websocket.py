"""A WebSocket that blocks, over a connection of the event loop's."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from websockets.asyncio.client import ClientConnection

from agentos.blocking.runtime.iteration import Iteration
from agentos.blocking.runtime.wrapped import Blocking


class WebSocket(Blocking[ClientConnection]):
    """A connection of `websockets` whose `send` and `recv` wait; made by `vm.websocket`.

    Its errors are those of `websockets.exceptions`.
    """

    @property
    def subprotocol(self) -> str | None:
        """What both sides agreed to speak."""
        return self._async.subprotocol

    def send(self, message: str | bytes) -> None:
        """Send a message: text, or bytes."""
        self._run(self._async.send(message))

    def recv(self, timeout: float | None = None) -> str | bytes:
        """Wait for the next message.

        Args:
            timeout: Seconds to wait at most.

        Raises:
            TimeoutError: None came so long.
        """
        return self._run(self._recv(timeout))

    async def _recv(self, timeout: float | None) -> str | bytes:
        async with asyncio.timeout(timeout):
            return await self._async.recv()

    def __iter__(self) -> Iterator[str | bytes]:
        """Go through the messages until the connection is closed."""
        return Iteration(self._portal, self._async.__aiter__())

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the connection. Safe to repeat."""
        self._run(self._async.close(code, reason))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
