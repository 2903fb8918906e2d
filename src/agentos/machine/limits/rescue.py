"""Memory of a machine that is one process to the host: kill one of its commands in time.

When memory is used up, the host kills the process that holds most. Of gVisor that is all that runs
in the machine. So what holds most inside is killed a little before.
"""

from __future__ import annotations

import asyncio
import signal

from agentos.machine.channel import Channel
from agentos.machine.limits.cgroup import MemoryGroup
from agentos.machine.limits.limits import MIB
from agentos.machine.processes import look, resident_memory
from agentos.machine.protocol import Scope

_RESERVE = 64 * MIB
#: Bytes a second: no faster can memory be taken, so the next look comes before it is used up.
_SPEED = 4e9
_SOONEST, _LATEST = 0.002, 0.05  # seconds between looks
#: Seconds until the memory of a process that was killed is the host's again.
_RETURN = 0.2


class Rescue:
    """Kills what holds most in a machine before the host kills the whole.

    What grows too fast for that still meets the bound, and ends the machine.

    Args:
        bound: Bytes, of which it keeps a part free: 64 MiB, or a quarter if that is less.
        group: What the host counts. Without one what its processes hold is added up: gVisor's
            memory is in files that nobody has mapped, which the host tells of no process.
        commands: To the init that runs the commands.
    """

    def __init__(self, bound: int, group: MemoryGroup | None, commands: Channel) -> None:
        self._reserve = min(_RESERVE, bound // 4)
        self._most = bound - self._reserve
        self._group = group
        self._commands = commands
        self.kills = 0

    async def watch(self) -> None:
        """Look until the machine ends, the more often the less is left."""
        while not self._commands.lost:
            left = self._most - await self._used()
            if left < 0 and await self._kill(-left):
                await asyncio.sleep(_RETURN)
            else:
                await asyncio.sleep(min(_LATEST, max(_SOONEST, left / _SPEED)))

    async def _used(self) -> int:
        return self._group.used() if self._group else sum((await self._sizes()).values())

    async def _sizes(self) -> dict[int, int]:
        async with look(self._commands) as proc:
            return resident_memory(proc)

    async def _kill(self, excess: int) -> bool:
        """Kill the largest processes, but none that holds little: that one is not to blame."""
        sizes = await self._sizes()
        killed = False
        for pid in sorted(sizes, key=sizes.__getitem__, reverse=True):
            if excess < 0 or sizes[pid] < self._reserve // 4:
                break
            self._commands.signal_nowait(pid, signal.SIGKILL, Scope.PROCESS)
            self.kills += 1
            excess -= sizes[pid]
            killed = True
        return killed
