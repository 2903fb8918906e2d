"""Finds what to show: the hub if one runs, else the store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from agentos.cli.top.source import Connect, Source
from agentos.hub.lifecycle.running import read_running


def connector(state: Path) -> Connect:
    """Return what finds the source of a state directory, anew each time.

    Args:
        state: The state directory.
    """

    @asynccontextmanager
    async def connect() -> AsyncIterator[Source]:
        running = read_running(state)
        if running is not None and running.alive:
            from agentos.cli.top.from_hub import open_hub

            async with open_hub(running, state) as hub:
                yield hub
            return
        from agentos.cli.top.from_store import open_store

        async with open_store(state) as store:
            yield store

    return connect
