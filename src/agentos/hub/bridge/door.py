"""The way to the hub: where it is, what to show it, and how to have it started."""

from __future__ import annotations

import asyncio
import ssl
import time
from pathlib import Path
from urllib.parse import urlsplit

from agentos.errors import AgentOsError
from agentos.hub.auth.token_file import read_token
from agentos.hub.bridge.exchange import Address
from agentos.hub.lifecycle.running import read_running

#: Seconds for which a hub that did not start is not started again.
_PAUSE = 5.0


class HubDown(Exception):
    """There is no hub, and none can be started; the words say why."""


class HubDoor:
    """Finds the hub of a state directory, and starts it when it is down.

    Args:
        state: The state directory.
        may_start: Whether a hub that is down is started.
    """

    def __init__(self, state: Path, *, may_start: bool = True) -> None:
        self._state = state
        self._may_start = may_start
        self._starting = asyncio.Lock()
        self._failed: tuple[float, HubDown] | None = None

    def address(self) -> Address | None:
        """Tell where the hub is, as far as it says; None if it says nothing.

        Raises:
            HubDown: What it said cannot be read; why.
        """
        try:
            running = read_running(self._state)
        except OSError as error:
            raise HubDown(f"its state cannot be read: {error}") from error
        if running is None or not running.alive:
            return None
        parts, tls = urlsplit(running.url), None
        if running.tls_certificate:
            tls = ssl.create_default_context(cafile=running.tls_certificate)
        return Address(parts.hostname or "127.0.0.1", parts.port or 0, tls)

    def token(self) -> str:
        """Read the user's token anew: it may have been rotated.

        Raises:
            HubDown: It cannot be read; why.
        """
        try:
            return read_token(self._state / "token")
        except (OSError, AgentOsError) as error:
            raise HubDown(f"the token cannot be read: {error}") from error

    async def find(self) -> Address:
        """Return where the hub is, once it is there.

        Raises:
            HubDown: It cannot be had.
        """
        return self.address() or await self.start()

    async def start(self) -> Address:
        """Start the hub, or find the one that somebody else has just started.

        Raises:
            HubDown: It does not start.
        """
        async with self._starting:
            if self._failed and time.monotonic() - self._failed[0] < _PAUSE:
                raise self._failed[1]
            try:
                if not self._may_start:
                    raise HubDown("it is not running")
                await asyncio.to_thread(_start, self._state)
                address = self.address()
                if address is None:
                    raise HubDown("it ended as soon as it had started")
            except HubDown as down:
                self._failed = time.monotonic(), down
                raise
        self._failed = None
        return address


def _start(state: Path) -> None:
    from agentos.hub.lifecycle.daemon import start_daemon

    try:
        start_daemon(state)
    except (AgentOsError, OSError) as error:
        raise HubDown(str(error)) from error
