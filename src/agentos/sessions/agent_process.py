"""An agent's process: its stderr, its end, and what its end means."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from agentos.agents.machine import AgentProcess
from agentos.errors import AgentCrashed, MachineError

STDERR_KEPT = 64 * 2**10
_LAST_WORDS = 1.0
_PATIENCE = 2.0


@dataclass(frozen=True)
class Ended:
    """How a process ended: its exit code, or the error of its machine."""

    exit_code: int | None
    machine_error: MachineError | None = None


class WatchedProcess:
    """An agent's process with its stderr drained and its end awaited.

    Args:
        process: The process, with stderr piped.
        name: The agent's name, for messages.
        said_all: Set once its stdout has been read to the end.
        on_end: Called once it has ended and its last words were read.

    Attributes:
        ended: How it ended, once it has.
    """

    def __init__(
        self,
        process: AgentProcess,
        name: str,
        said_all: asyncio.Event,
        on_end: Callable[[], Awaitable[None]],
    ) -> None:
        self.process = process
        self.name = name
        self.ended: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()
        self._said_all = said_all
        self._on_end = on_end
        self._stderr = bytearray()
        self._draining = asyncio.create_task(self._drain())
        self._watching = asyncio.create_task(self._watch())

    @property
    def stderr_tail(self) -> str:
        """The end of what it wrote to stderr."""
        return self._stderr.decode(errors="replace")

    def crash(self) -> Exception:
        """Describe its end as an error."""
        ended = self.ended.result()
        return ended.machine_error or AgentCrashed(
            f"{self.name} ended with exit code {ended.exit_code}",
            stderr_tail=self.stderr_tail,
        )

    async def wait_for_end(self) -> None:
        """Wait for the end of a process whose pipes are closed; help if it does not come."""
        done, _ = await asyncio.wait({self.ended}, timeout=_PATIENCE)
        if not done:
            await self.kill()

    async def kill(self) -> None:
        """Kill it with all that it started, and wait until that is done."""
        if not self.ended.done():
            # An ended machine has taken it along.
            with contextlib.suppress(MachineError):
                await self.process.kill()
        await asyncio.wait({self._watching})

    async def _watch(self) -> None:
        try:
            ended = Ended(await self.process.wait())
        except MachineError as error:
            ended = Ended(None, error)
        # What it wrote before it ended still counts; a child may hold its pipes open, though.
        reading = asyncio.create_task(self._said_all.wait())
        await asyncio.wait({reading, self._draining}, timeout=_LAST_WORDS)
        for task in (reading, self._draining):
            task.cancel()
        await asyncio.wait({reading, self._draining})
        self.ended.set_result(ended)
        await self._on_end()
        self.process.close()

    async def _drain(self) -> None:
        stderr = self.process.stderr
        # A pipe may break when its process or machine ends.
        with contextlib.suppress(OSError):
            while stderr and (chunk := await stderr.read(2**16)):
                self._stderr += chunk
                del self._stderr[:-STDERR_KEPT]
