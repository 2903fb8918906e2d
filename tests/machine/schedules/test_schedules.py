"""What a machine does at set times, by a clock that the test sets."""

from __future__ import annotations

import asyncio
import datetime
import os
import signal
from datetime import UTC
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from agentos.errors import CommandFailed, MachineError
from agentos.machine.machine import AgentOs
from agentos.machine.schedules.schedule import Schedule, ScheduleEvent
from agentos.machine.schedules.timetable import Timetable, timetable

START = datetime.datetime(2026, 3, 2, 8, 59, 30, tzinfo=UTC)
MINUTE = datetime.timedelta(minutes=1)


class SetClock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self._now = START
        self._set = asyncio.Event()
        self.waited_for: list[datetime.datetime] = []

    def now(self) -> datetime.datetime:
        return self._now

    async def sleep_until(self, when: datetime.datetime) -> None:
        self.waited_for.append(when)
        while self._now < when:
            await self._set.wait()
        self.waited_for.remove(when)

    async def set(self, now: datetime.datetime, sleepers: int = 1) -> None:
        """Once so many wait for the clock, let it be `now`, and wake whose time has come."""
        while len(self.waited_for) < sleepers:
            await asyncio.sleep(0)
        self._now = now
        self._set.set()
        self._set = asyncio.Event()
        while any(when <= now for when in self.waited_for):
            await asyncio.sleep(0)


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


async def events(schedule: Schedule, count: int) -> list[ScheduleEvent]:
    """The first so many events, waited for."""
    found = []
    async for event in schedule.events():
        found.append(event)
        if len(found) == count:
            return found
    raise AssertionError(f"it ended after {found}")


async def test_a_command_at_the_times_of_cron(vm: AgentOs, clock: SetClock) -> None:
    schedule = await vm.schedule("*/2 9 * * 1-5", "echo run >> log; echo out", clock=clock)
    assert (schedule.name, vm.schedules) == ("schedule-1", (schedule,))
    assert schedule.next_run == START.replace(hour=9, minute=0, second=0)
    for minute, runs in enumerate((0, 1, 1, 2)):
        await clock.set(START + minute * MINUTE)
        if runs:
            await events(schedule, 2 * runs)
        assert schedule.run_count == runs
    found = await events(schedule, 4)
    assert [event.type for event in found] == ["fired", "completed"] * 2
    assert [event.due.minute for event in found] == [0, 0, 2, 2]
    assert found[1].result.stdout == "out\n"
    assert (schedule.run_count, schedule.running) == (2, 0)
    assert schedule.last_run == START + 3 * MINUTE
    assert await vm.read_text("log") == "run\nrun\n"
    assert [event.seq async for event in _until_now(schedule)] == [1, 2, 3, 4]


async def _until_now(schedule: Schedule) -> Any:
    await schedule.cancel()
    async for event in schedule.events():
        yield event


async def test_once(vm: AgentOs, clock: SetClock) -> None:
    at = START + MINUTE
    calls: list[int] = []
    plain = await vm.schedule(at.isoformat(), lambda: calls.append(1), clock=clock)
    other = await vm.schedule(at, ["echo", "hi"], name="other", clock=clock)
    assert [schedule.name for schedule in vm.schedules] == ["schedule-1", "other"]
    await clock.set(at, sleepers=2)
    await asyncio.gather(plain.wait(), other.wait())
    assert (calls, plain.next_run, plain.done, vm.schedules) == ([1], None, True, ())
    assert [event.type async for event in other.events()] == ["fired", "completed"]


async def test_what_fails_is_told_and_goes_on(vm: AgentOs, clock: SetClock) -> None:
    async def fail() -> None:
        raise LookupError("nothing there")

    failing = await vm.schedule("* * * * *", "echo oops >&2; exit 3", clock=clock)
    raising = await vm.schedule("* * * * *", fail, clock=clock)
    slow = await vm.schedule("* * * * *", "sleep 1000", timeout=0.05, clock=clock)
    for minute in (1, 2):
        await clock.set(START + minute * MINUTE, sleepers=3)
        for schedule in (failing, raising, slow):
            await events(schedule, 2 * minute)
    errors = [(await events(schedule, 4))[3].error for schedule in (failing, raising, slow)]
    assert [type(error) for error in errors] == [CommandFailed, LookupError, TimeoutError]
    assert isinstance(errors[0], CommandFailed)
    assert errors[0].exit_code == 3
    while await vm.processes():  # what ran too long is killed
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("overlap", "types", "most"),
    [
        ("allow", ["fired", "fired", "fired", "completed", "completed", "completed"], 3),
        ("skip", ["fired", "skipped", "skipped", "completed"], 1),
        ("queue", ["fired", "completed", "fired", "completed", "fired", "completed"], 1),
    ],
)
async def test_overlap(
    vm: AgentOs, clock: SetClock, overlap: Any, types: list[str], most: int
) -> None:
    go_on = asyncio.Event()
    at_once = [0, 0]

    async def work() -> None:
        at_once[0] += 1
        at_once[1] = max(at_once)
        await go_on.wait()
        at_once[0] -= 1

    schedule = await vm.schedule("* * * * *", work, overlap=overlap, clock=clock)
    for minute in (1, 2, 3):
        await clock.set(START + minute * MINUTE)
    while at_once[0] < most:
        await asyncio.sleep(0)
    go_on.set()
    assert [event.type for event in await events(schedule, len(types))] == types
    assert (at_once[1], schedule.running) == (most, 0)


async def test_what_was_due_while_the_host_slept_is_done_once(vm: AgentOs, clock: SetClock) -> None:
    schedule = await vm.schedule("* * * * *", lambda: None, clock=clock)
    await clock.set(START + 90 * MINUTE)
    assert [event.type for event in await events(schedule, 2)] == ["fired", "completed"]
    assert schedule.next_run == START.replace(hour=10, minute=30, second=0)
    assert schedule.run_count == 1


async def test_cancel_ends_what_runs(vm: AgentOs, clock: SetClock) -> None:
    schedule = await vm.schedule("* * * * *", "sleep 1000", clock=clock)
    await clock.set(START + MINUTE)
    while not await vm.processes():
        await asyncio.sleep(0)
    await schedule.cancel()
    await schedule.cancel()
    assert (schedule.next_run, schedule.running, vm.schedules) == (None, 0, ())
    while await vm.processes():
        await asyncio.sleep(0)
    assert [event.type async for event in schedule.events()] == ["fired"]


async def test_it_ends_with_the_machine(vm: AgentOs, clock: SetClock) -> None:
    called = asyncio.Event()

    async def close() -> None:
        called.set()
        await vm.close()

    waiting = await vm.schedule("0 0 1 1 *", "true", clock=clock)
    closing = await vm.schedule("* * * * *", close, clock=clock)
    await clock.set(START + MINUTE, sleepers=2)
    await called.wait()
    await asyncio.gather(waiting.wait(), closing.wait())
    assert vm.closed
    assert vm.schedules == ()
    with pytest.raises(MachineError):
        await vm.schedule("* * * * *", "true", clock=clock)


async def test_a_machine_that_dies_ends_them_with_the_reason(vm: AgentOs, clock: SetClock) -> None:
    schedule = await vm.schedule("0 0 1 1 *", "true", clock=clock)
    following = asyncio.ensure_future(anext(schedule.events()))
    await asyncio.sleep(0)
    assert vm.channel.init_pid
    os.kill(vm.channel.init_pid, signal.SIGKILL)
    with pytest.raises(MachineError):
        await following
    assert vm.schedules == ()


@pytest.mark.parametrize(
    ("when", "why"),
    [
        ("61 * * * *", "minute"),
        ("* * * *", "five fields"),
        ("@daily", "five fields"),
        ("* * * * * *", "five fields"),
        ("0 0 30 2 *", "day"),
        ("tomorrow", "five fields"),
        ("2026-03-02T08:59:30", "has passed"),
        (START - MINUTE, "has passed"),
    ],
)
async def test_a_time_that_is_none(vm: AgentOs, clock: SetClock, when: Any, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        await vm.schedule(when, "true", clock=clock)
    assert vm.schedules == ()


async def test_names_and_overlaps_that_are_none(vm: AgentOs, clock: SetClock) -> None:
    await vm.schedule("* * * * *", "true", name="nightly", clock=clock)
    with pytest.raises(ValueError, match="nightly"):
        await vm.schedule("* * * * *", "true", name="nightly", clock=clock)
    with pytest.raises(ValueError, match="overlap"):
        await vm.schedule("* * * * *", "true", overlap="both", clock=clock)  # type: ignore[arg-type]


async def test_the_hosts_own_clock(vm: AgentOs) -> None:
    at = datetime.datetime.now(UTC) + datetime.timedelta(seconds=0.2)
    schedule = await vm.schedule(at, "echo done")
    fired, completed = await events(schedule, 2)
    assert (fired.due, completed.result.stdout) == (at, "done\n")
    assert fired.at >= at


def times(table: Timetable, start: datetime.datetime, count: int) -> list[str]:
    found: list[str] = []
    when: datetime.datetime | None = start
    while when and len(found) < count and (when := table.after(when)):
        found.append(f"{when:%d %H:%M}")
    return found


def test_local_time_when_clocks_change() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    spring = datetime.datetime(2026, 3, 28, 12, tzinfo=UTC)
    assert times(timetable("30 2 * * *", berlin), spring, 2) == ["29 03:00", "30 02:30"]
    autumn = datetime.datetime(2026, 10, 24, 12, tzinfo=UTC)
    assert times(timetable("30 2 * * *", berlin), autumn, 2) == ["25 02:30", "26 02:30"]
    assert timetable("2026-07-01T12:00", berlin).after(spring) == datetime.datetime(
        2026, 7, 1, 10, tzinfo=UTC
    )
