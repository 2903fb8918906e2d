"""A loopback port for each machine: a call's port tells where it comes from."""

from __future__ import annotations

from collections.abc import Container
from pathlib import Path

from starlette.types import ASGIApp

from agentos.models.listener import Listener


class Doors:
    """Open a port for each machine, for as long as it has sessions.

    A machine reaches its own port only, through the route that its network makes; so the port
    of a call names the machine, whatever the call says.

    Args:
        app: What answers.
        state: A directory that remembers the ports, so that another gateway opens them again.
    """

    def __init__(self, app: ASGIApp, state: Path | None = None) -> None:
        self._listener = Listener(app)
        self._state = state
        self._ports: dict[str, int] = {}
        self._machines: dict[int, str] = {}
        self._uses: dict[str, int] = {}

    def machine_of(self, port: int) -> str:
        """Name the machine whose port it is; empty if there is none."""
        return self._machines.get(port, "")

    async def open(self, machine: str) -> int:
        """Open the port of a machine, once more for each session.

        Returns:
            The port on 127.0.0.1.
        """
        self._uses[machine] = self._uses.get(machine, 0) + 1
        if machine not in self._ports:
            await self._listen(machine, 0)
            self._remember(machine)
        return self._ports[machine]

    def close_one(self, machine: str) -> None:
        """Take back one `open`; with the last one, the port closes."""
        self._uses[machine] = self._uses.get(machine, 1) - 1
        if self._uses[machine] > 0:
            return
        del self._uses[machine]
        if self._state is not None:
            (self._state / machine).unlink(missing_ok=True)
        port = self._ports.pop(machine, None)
        if port is not None:
            self._machines.pop(port, None)
            self._listener.stop(port)

    async def reopen(self, machines: Container[str]) -> None:
        """Open the ports again that an earlier gateway had.

        Args:
            machines: Those that still have keys; others are forgotten.

        Raises:
            OSError: One of the ports is taken.
        """
        if self._state is None:
            return
        self._state.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in self._state.iterdir():
            port = path.read_text()
            if path.name not in machines or not port.isdecimal():
                path.unlink()
            elif path.name not in self._ports:
                await self._listen(path.name, int(port))

    async def close(self) -> None:
        """Close every port, and end every call."""
        await self._listener.close()
        self._ports.clear()
        self._machines.clear()

    async def _listen(self, machine: str, port: int) -> None:
        self._ports[machine] = await self._listener.start(port)
        self._machines[self._ports[machine]] = machine

    def _remember(self, machine: str) -> None:
        if self._state is not None:
            self._state.mkdir(mode=0o700, parents=True, exist_ok=True)
            (self._state / machine).write_text(str(self._ports[machine]))
