"""MCP servers that Codex starts in the background."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any


class ServersStarting:
    """Knows which servers are still starting: the model sees none that is late.

    Args:
        warn: Told of each that fails.
    """

    def __init__(self, warn: Callable[[str], None]) -> None:
        self._warn = warn
        self._starting: set[str] = set()
        self._settled = asyncio.Event()

    def expect(self, names: Iterable[str]) -> None:
        """Wait for these, whether Codex has spoken of them or not."""
        self._starting = set(names)

    async def wait(self, ended: asyncio.Future[Any]) -> None:
        """Wait until each has started or failed, or Codex has ended."""
        while self._starting and not ended.done():
            self._settled.clear()
            settled = asyncio.ensure_future(self._settled.wait())
            either: set[asyncio.Future[Any]] = {settled, ended}
            try:
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            finally:
                settled.cancel()

    def on_status(self, params: Mapping[str, Any]) -> None:
        """Hear how one is doing."""
        if params["status"] == "starting":
            self._starting.add(params["name"])
        else:
            self._starting.discard(params["name"])
            self._settled.set()
        if params["status"] == "failed":
            why = params.get("error") or "it gave no reason"
            self._warn(f"the MCP server {params['name']!r} did not start: {why}")
