"""The verb of a machine that does something at set times."""

from __future__ import annotations

import asyncio
import datetime
import inspect
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

from agentos.errors import MachineError
from agentos.machine.commands import CommandVerbs

if TYPE_CHECKING:
    from agentos.machine.schedules.clock import Clock
    from agentos.machine.schedules.schedule import Overlap, Schedule

#: A command, or a function of the host, plain or async.
Action = str | Sequence[str | bytes] | Callable[[], Any]


class ScheduleVerbs(CommandVerbs):
    """Commands of a machine, and functions of its host, at set times."""

    _closers: list[Callable[[MachineError], None]]
    _openings: list[Callable[[], Awaitable[None]]]
    _schedules: tuple[Schedule, ...] = ()

    @property
    def schedules(self) -> tuple[Schedule, ...]:
        """What the machine is to do at set times and is not over."""
        return tuple(schedule for schedule in self._schedules if not schedule.done)

    async def schedule(
        self,
        when: str | datetime.datetime,
        action: Action,
        *,
        name: str | None = None,
        overlap: Overlap = "allow",
        timeout: float | None = None,
        timezone: datetime.tzinfo = datetime.UTC,
        clock: Clock | None = None,
    ) -> Schedule:
        """Run a command, or call a function, at set times until the machine ends.

        What was due while the host slept is done once, when it wakes.

        Args:
            when: Five fields of cron, such as `"*/5 9-17 * * 1-5"`; or once, an ISO date and
                time or a `datetime`.
            action: A command as for `exec`, which fails if its exit code is not 0; or a function
                of the host, whose result is awaited if it can be.
            name: Its name; by default `"schedule-1"` and so on.
            overlap: When it is due and still runs: `"allow"` runs it once more, `"skip"` leaves
                this time out, `"queue"` runs it afterwards.
            timeout: Seconds after which a run is ended, and has failed.
            timezone: Whose local time `when` is, such as `ZoneInfo("Europe/Berlin")`.
            clock: What tells the time; by default the host.

        Returns:
            The schedule: `events()`, `next_run`, `cancel()`.

        Raises:
            ValueError: `when` is no time, or has passed; the name is taken.
            MachineError: The machine has ended.
        """
        from agentos.machine.schedules.clock import SystemClock
        from agentos.machine.schedules.schedule import Schedule
        from agentos.machine.schedules.timetable import timetable

        if overlap not in ("allow", "skip", "queue"):
            raise ValueError(f'overlap is "allow", "skip" or "queue", not {overlap!r}')
        if self.commands.lost:
            raise self.commands.lost
        name = self._free_name(name)
        clock = clock or SystemClock()
        times = timetable(when, timezone)
        if times.after(clock.now()) is None:
            raise ValueError(f"{when} has passed: it is {clock.now():%Y-%m-%d %H:%M:%S %Z}")

        async def act() -> object:
            async with asyncio.timeout(timeout):
                if not callable(action):
                    return await self.exec(action, check=True)
                result = action()
                return await result if inspect.isawaitable(result) else result

        if not self._schedules:
            self._closers.append(self._stop_schedules)
            self._openings.append(self._cancel_schedules)
        schedule = Schedule(name, times, act, overlap=overlap, clock=clock)
        self._schedules = (*self.schedules, schedule)
        return schedule

    def _free_name(self, name: str | None) -> str:
        taken = {schedule.name for schedule in self.schedules}
        if name is None:
            number = 1
            while f"schedule-{number}" in taken:
                number += 1
            return f"schedule-{number}"
        if name in taken:
            raise ValueError(f"there is a schedule {name!r} already: cancel it first")
        return name

    def _stop_schedules(self, error: MachineError) -> None:
        for schedule in self._schedules:
            schedule.stop(error)

    async def _cancel_schedules(self) -> None:
        for schedule in self._schedules:
            schedule.stop()
        for schedule in self._schedules:
            await schedule.wait()
