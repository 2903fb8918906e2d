"""Be the hub: from the lock to the last answer."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import structlog

from agentos.hub.app import create_app
from agentos.hub.hub import Hub
from agentos.hub.lifecycle.daemon import start_daemon
from agentos.hub.lifecycle.endpoint import Endpoint, inherited_endpoint, open_endpoint
from agentos.hub.lifecycle.lock import HubLock
from agentos.hub.lifecycle.notify import notify
from agentos.hub.lifecycle.running import (
    Running,
    forget_running,
    own_birth,
    write_running,
)
from agentos.hub.lifecycle.server import Server
from agentos.hub.settings import HubSettings, load_hub_settings

_log = structlog.get_logger("agentos.hub")


@dataclass(frozen=True)
class Wanted:
    """How a hub shall run.

    Attributes:
        host, port: Where to listen, if not where the settings say.
        lock, socket: Descriptors that the hub before this one hands over.
        log: Where it logs to, if not to the terminal.
    """

    host: str | None = None
    port: int | None = None
    lock: int | None = None
    socket: int | None = None
    log: Path | None = None


def serve(wanted: Wanted, started: Callable[[Running], None]) -> int | None:
    """Be the hub until a signal or the next hub ends it.

    Args:
        wanted: How to run.
        started: Called once requests are answered.

    Returns:
        The process of the hub that has taken over; None if none has.

    Raises:
        AlreadyRunning: There is a hub.
        ConfigInvalid: The settings or the token's file are not as they must be.
        AgentOsError: The port is taken, or no space is left.
    """
    settings = _settings(wanted)
    hub = Hub(settings)
    lock = HubLock.acquire(hub.state) if wanted.lock is None else HubLock(wanted.lock)
    try:
        endpoint = (
            open_endpoint(settings, chosen=wanted.port is not None)
            if wanted.socket is None
            else inherited_endpoint(settings, wanted.socket)
        )
        with endpoint.socket:
            return asyncio.run(_Serving(hub, endpoint, lock, wanted, started).run())
    finally:
        lock.close()


def _settings(wanted: Wanted) -> HubSettings:
    settings = load_hub_settings()
    host = settings.host if wanted.host is None else wanted.host
    port = settings.port if wanted.port is None else wanted.port
    return replace(settings, host=host, port=port)


class _Serving:
    def __init__(
        self,
        hub: Hub,
        endpoint: Endpoint,
        lock: HubLock,
        wanted: Wanted,
        started: Callable[[Running], None],
    ) -> None:
        self._hub = hub
        self._endpoint = endpoint
        self._lock = lock
        self._log = wanted.log
        self._tell = started
        self._server: Server
        self._successor: int | None = None

    async def run(self) -> int | None:
        hub = self._hub
        app = create_app(hub)
        self._server = Server(app, hub, self._started)
        hub.hand_over = self._hand_over
        try:
            async with app.router.lifespan_context(app):
                with _signals(self._server.stop):
                    await self._server.serve([self._endpoint.socket])
        finally:
            forget_running(hub.state, os.getpid())
        _log.info("the hub has ended", pid=os.getpid())
        return self._successor

    def _started(self) -> None:
        hub, endpoint = self._hub, self._endpoint
        certificate = hub.settings.tls_certificate
        running = Running(
            pid=os.getpid(),
            birth=own_birth(),
            host=endpoint.host,
            port=endpoint.port,
            url=endpoint.url,
            version=hub.version,
            started=datetime.now(UTC).isoformat(timespec="seconds"),
            home=str(hub.home) if hub.home.is_dir() else "",
            tls_certificate=str(certificate) if endpoint.tls and certificate else "",
            log=str(self._log or ""),
            note=endpoint.note,
        )
        write_running(hub.state, running)
        notify(f"MAINPID={running.pid}\nREADY=1")
        _log.info("the hub is ready", pid=running.pid, url=running.url, note=endpoint.note)
        self._tell(running)

    async def _hand_over(self) -> int:
        """Start the next hub on the same socket; this one goes on if that does not succeed."""
        _log.info("starting the next hub")
        running, _ = await asyncio.to_thread(
            start_daemon,
            self._hub.state,
            host=self._endpoint.host,
            port=self._endpoint.port,
            lock=self._lock.descriptor,
            listening=self._endpoint.socket.fileno(),
        )
        _log.info("the next hub has taken over", pid=running.pid)
        self._successor = running.pid
        self._lock.close()  # however long the last requests here take, the lock is the next hub's
        self._server.drain()
        return running.pid


@contextmanager
def _signals(stop: Callable[[], None]) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    ending = (signal.SIGINT, signal.SIGTERM)
    for number in ending:
        loop.add_signal_handler(number, stop)
    try:
        yield
    finally:
        for number in ending:
            loop.remove_signal_handler(number)
