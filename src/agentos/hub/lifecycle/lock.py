"""One hub for a state directory: whoever holds the lock is it."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from agentos.errors import AgentOsError
from agentos.hub.lifecycle.running import Running, read_running

_TICK = 0.02
_PATIENCE = 10.0


class AlreadyRunning(AgentOsError):
    """There is a hub; `running` is what it says of itself, if it has come to that."""

    default_code = "hub_running"

    def __init__(self, state: Path, running: Running | None) -> None:
        who = f"process {running.pid}, {running.url}" if running else "it is just starting"
        super().__init__(
            f"a hub already runs for {state}: {who}",
            hint="`agentos status` tells more; `agentos restart` starts it anew",
        )
        self.running = running


class HubLock:
    """The lock, which ends with the last process that has the descriptor.

    Args:
        descriptor: Of a lock that is held; see `acquire`.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    @classmethod
    def acquire(cls, state: Path) -> HubLock:
        """Become the hub of a state directory.

        Raises:
            AlreadyRunning: There is one.
        """
        path = state / "hub.lock"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        until = time.monotonic() + _PATIENCE
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                running = read_running(state)
                # One that has just begun says in a moment who it is.
                if (running and running.alive) or time.monotonic() > until:
                    os.close(descriptor)
                    raise AlreadyRunning(state, running) from None
                time.sleep(_TICK)
            else:
                return cls(descriptor)

    def close(self) -> None:
        """Let go; a process that has inherited the lock keeps it. Safe to repeat."""
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)
