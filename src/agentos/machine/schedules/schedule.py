"""Something that a machine does at set times."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal

from agentos.machine.replay import Replay
from agentos.machine.schedules.clock import Clock
from agentos.machine.schedules.timetable import Timetable

Overlap = Literal["allow", "skip", "queue"]
_EVENTS_KEPT = 1000


@dataclass(frozen=True, slots=True)
class ScheduleEvent:
    """What became of a time that something was due.

    Attributes:
        seq: Its number; the first is 1, and there are no holes.
        type: `"fired"` when it began, then `"completed"` or `"failed"`; or `"skipped"`.
        due: When it was due.
        at: When this happened.
        result: Of a command its `ExecResult`, of a function what it returned.
        error: What it raised; of a command that fails, a `CommandFailed`.
    """

    seq: int
    type: Literal["fired", "completed", "failed", "skipped"]
    due: datetime.datetime
    at: datetime.datetime
    result: Any = None
    error: Exception | None = None


class Schedule:
    """Something that a machine does at set times, until it is cancelled or the machine ends.

    Attributes:
        name: Its name among those of the machine.
        overlap: What happens when it is due while it runs.
        next_run: When it is due next; None once that was the last time.
        last_run: When it began last, or None.
        run_count: How often it began.
        running: How many of its runs are not over, those that wait for their turn included.
    """

    def __init__(
        self,
        name: str,
        times: Timetable,
        act: Callable[[], Awaitable[Any]],
        *,
        overlap: Overlap,
        clock: Clock,
    ) -> None:
        self.name = name
        self.overlap = overlap
        self.next_run = times.after(clock.now())
        self.last_run: datetime.datetime | None = None
        self.run_count = 0
        self.running = 0
        self._times, self._act, self._clock = times, act, clock
        self._turn = asyncio.Lock() if overlap == "queue" else contextlib.nullcontext()
        self._events: Replay[ScheduleEvent] = Replay()
        self._why_ended: Exception | None = None
        self._task = asyncio.ensure_future(self._run())
        self._task.add_done_callback(lambda _: self._events.end())

    async def events(self, after: int = 0) -> AsyncIterator[ScheduleEvent]:
        """Go through what became of it, and on until it ends.

        Args:
            after: Only events with a number above this one; the last 1000 are kept.

        Raises:
            MachineError: The machine ended by itself.
        """
        async for event in self._events.follow(after):
            yield event
        if self._why_ended:
            raise self._why_ended

    @property
    def done(self) -> bool:
        """Whether it is over: cancelled, or all that was due was done."""
        return self._task.done()

    async def wait(self) -> None:
        """Wait until it is over."""
        await asyncio.wait({self._task})

    async def cancel(self) -> None:
        """Be due no more, and end what runs. Safe to repeat."""
        self.stop()
        await self.wait()

    def stop(self, error: Exception | None = None) -> None:
        """Begin to end it; `error` is what those hear who follow its events."""
        if not self.done:
            self._why_ended = error
            self.next_run = None
            self._task.cancel()

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as runs:
            while due := self.next_run:
                await self._clock.sleep_until(due)
                self.next_run = self._times.after(max(due, self._clock.now()))
                if self.overlap == "skip" and self.running:
                    self._tell("skipped", due)
                else:
                    self.running += 1
                    runs.create_task(self._do(due))

    async def _do(self, due: datetime.datetime) -> None:
        try:
            async with self._turn:
                self.run_count += 1
                self.last_run = self._clock.now()
                self._tell("fired", due)
                try:
                    result = await self._act()
                except Exception as error:  # noqa: BLE001 - the caller's function; it is told
                    self._tell("failed", due, error=error)
                else:
                    self._tell("completed", due, result=result)
        finally:
            self.running -= 1

    def _tell(
        self,
        type: Literal["fired", "completed", "failed", "skipped"],
        due: datetime.datetime,
        result: Any = None,
        error: Exception | None = None,
    ) -> None:
        now = self._clock.now()
        self._events.add(ScheduleEvent(self._events.last + 1, type, due, now, result, error))
        if len(self._events) > _EVENTS_KEPT:
            self._events.drop_oldest()
