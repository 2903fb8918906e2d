"""The process behind `agentos mcp`."""

from __future__ import annotations

import asyncio
import os
import sys

from agentos.config import home_dir, state_dir
from agentos.hub.bridge.bridge import Bridge
from agentos.hub.bridge.disk import FromDisk
from agentos.hub.bridge.door import HubDoor
from agentos.hub.bridge.stdio import Stdout, lines_of


def run() -> None:
    """Bridge stdin and stdout to the hub until stdin ends, or nobody reads stdout."""
    stdout = Stdout()
    try:
        asyncio.run(_serve(stdout))
    except* BrokenPipeError:
        pass  # the client has gone
    except* KeyboardInterrupt:
        pass
    sys.stderr.flush()
    os._exit(0)  # a thread may still wait for stdin, which nobody can interrupt


async def _serve(stdout: Stdout) -> None:
    bridge = Bridge(HubDoor(state_dir()), FromDisk(home_dir(), state_dir()), stdout.send)
    await bridge.serve(lines_of(sys.stdin.buffer))
