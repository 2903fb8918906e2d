"""What agents and sessions need of a machine; `AgentOs` offers it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Protocol

from agentos.machine.processes import ProcessInfo
from agentos.machine.protocol import FileStat


class Policy(Protocol):
    """Says which hosts may be reached."""

    def allows(self, host: str, port: int) -> object:
        """Return something true if a host and port may be reached."""

    def match(self, host: str, port: int) -> object:
        """Return the rule that decides about a host and port; None if none says anything."""


class Network(Protocol):
    """A machine's way out."""

    @property
    def policy(self) -> Policy: ...

    async def allow(self, *entries: str) -> None:
        """Let the machine reach more."""

    async def route(self, name: str, port: int, target: tuple[str, int]) -> None:
        """Lead one of AgentOS's own names to a place on the host."""

    async def unroute(self, name: str, port: int) -> None:
        """Take a route back."""


class AgentProcess(Protocol):
    """A running command with live streams.

    `supervisor` is the process that keeps the family of a contained command together: what
    the command starts stays below it, even after it has detached itself.
    """

    @property
    def pid(self) -> int: ...

    @property
    def supervisor(self) -> int: ...

    @property
    def stdin(self) -> asyncio.StreamWriter | None: ...

    @property
    def stdout(self) -> asyncio.StreamReader | None: ...

    @property
    def stderr(self) -> asyncio.StreamReader | None: ...

    async def wait(self) -> int:
        """Wait until it ends; raises `MachineError` if the machine ends first."""

    async def kill(self) -> None:
        """Kill it with all that it started."""

    def close(self) -> None:
        """Let go of its streams."""


class AgentMachine(Protocol):
    """A machine that an agent can live in."""

    @property
    def name(self) -> str: ...

    @property
    def network(self) -> Network: ...

    def environment(self, env: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return the environment of a command that is given `env`."""

    async def read_text(self, path: str) -> str:
        """Read a file; raises `FileNotFoundError` and its like."""

    async def read_file(self, path: str, *, offset: int = 0, size: int | None = None) -> bytes:
        """Read a file from an offset on; raises `FileNotFoundError` and its like."""

    async def listdir(self, path: str) -> list[str]:
        """Return the names in a directory; raises `FileNotFoundError` and its like."""

    async def write_file(self, path: str, data: bytes, *, mode: int = 0o644) -> None:
        """Write a file, with this mode if it is new; its directory is there."""

    async def exists(self, path: str) -> bool:
        """Tell whether there is something at this path."""

    async def stat(self, path: str) -> FileStat:
        """Tell what a file is, through links; raises `FileNotFoundError` and its like."""

    async def move(self, source: str, target: str) -> None:
        """Rename a file; one that is there is replaced."""

    async def mkdir(self, path: str, *, parents: bool = False) -> None:
        """Make a directory; with `parents` it may be there already."""

    async def chmod(self, path: str, mode: int) -> None:
        """Set the permissions of a file."""

    async def symlink(self, target: str, path: str) -> None:
        """Make a link."""

    async def readlink(self, path: str) -> str:
        """Return where a link leads; raises `OSError` with `EINVAL` if it is none."""

    async def remove(self, path: str) -> None:
        """Remove a file or a link."""

    async def spawn(
        self,
        command: Sequence[str],
        *,
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        limit: int = 2**20,
        contain: bool = False,
    ) -> AgentProcess:
        """Start a command with live streams."""

    async def processes(self) -> Sequence[ProcessInfo]:
        """List what runs in the machine."""

    async def signal(self, pid: int, number: int) -> None:
        """Send a signal to one process; raises `ProcessLookupError` if it has ended."""
