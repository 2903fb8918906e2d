"""Functions of the caller that AgentOS calls may call blocking verbs themselves."""

from __future__ import annotations

import asyncio
import datetime
import queue
import threading
from datetime import UTC

import pytest

from agentos.blocking import (
    AgentOs,
    Limits,
    LimitWarning,
    MachinePool,
    NetworkPolicy,
    NetworkRequest,
    ScheduleEvent,
)
from agentos.blocking.runtime.callbacks import Listener, in_thread
from agentos.machine.network.questions import Answer

PATIENCE = 60


def soon() -> datetime.datetime:
    return datetime.datetime.now(UTC) + datetime.timedelta(seconds=0.2)


def test_a_function_at_a_set_time_uses_the_machine(vm: AgentOs) -> None:
    def look() -> str:
        return vm.exec("echo looked").stdout

    schedule = vm.schedule(soon(), look)
    assert vm.schedules == (schedule,)
    events = list(schedule.events())
    assert [event.type for event in events] == ["fired", "completed"]
    assert events[-1].result == "looked\n"
    assert schedule.done
    assert (schedule.run_count, schedule.running, schedule.next_run) == (1, 0, None)


def test_what_such_a_function_raises_is_told(vm: AgentOs) -> None:
    def fail() -> None:
        vm.read_file("/nope")

    events: list[ScheduleEvent] = list(vm.schedule(soon(), fail).events())
    assert isinstance(events[-1].error, FileNotFoundError)


def test_an_async_function_runs_on_the_event_loop(vm: AgentOs) -> None:
    async def look() -> str:
        await asyncio.sleep(0)
        return threading.current_thread().name

    *_, last = vm.schedule(soon(), look).events()
    assert last.result == "agentos.blocking"


def test_a_command_at_a_set_time(vm: AgentOs) -> None:
    *_, last = vm.schedule(soon(), ["touch", "made"]).events()
    assert last.type == "completed"
    assert vm.exists("made")


def test_who_is_asked_about_the_network_may_ask_the_machine() -> None:
    asked: list[NetworkRequest] = []

    def decide(request: NetworkRequest) -> Answer:
        asked.append(request)
        return "allow" if vm.exec("cat wish").stdout == "yes" else "deny"

    connect = "import socket; socket.create_connection(('192.0.2.1', 80), 60).recv(1)"
    with AgentOs(on_request=decide, network=NetworkPolicy()) as vm:
        vm.write_file("wish", "no")
        assert vm.exec(["python3", "-c", connect]).exit_code != 0
        assert asked == [NetworkRequest("192.0.2.1", 80)]
        assert [entry.verdict for entry in vm.network.log] == ["denied"]


def test_who_is_warned_may_ask_the_machine() -> None:
    seen: queue.Queue[tuple[str, int]] = queue.Queue()

    def warned(warning: LimitWarning) -> None:
        seen.put((warning.limit, len(vm.processes())))

    with AgentOs(limits=Limits(pids=10), on_warning=warned) as vm:
        sleepers = [vm.spawn(["sleep", "1000"]) for _ in range(8)]
        limit, count = seen.get(timeout=PATIENCE)
        assert limit == "pids"
        assert count >= 8
        for sleeper in sleepers:
            sleeper.close()


def test_settings_of_pools_and_of_create_carry_functions_too() -> None:
    seen: queue.Queue[LimitWarning] = queue.Queue()
    vms: list[AgentOs] = []

    def warned(warning: LimitWarning) -> None:
        vms[-1].stats()
        seen.put(warning)

    with (
        MachinePool(1, limits=Limits(pids=10), on_warning=warned) as pool,
        pool.take() as first,
        AgentOs.create(limits=Limits(pids=10), on_warning=warned) as second,
    ):
        for vm in (first, second):
            vms.append(vm)
            sleepers = [vm.spawn(["sleep", "1000"]) for _ in range(8)]
            assert seen.get(timeout=PATIENCE).limit == "pids"
            for sleeper in sleepers:
                sleeper.close()


def test_news_is_told_in_turn_and_an_error_does_not_stop_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    errors: list[object] = []
    monkeypatch.setattr(threading, "excepthook", lambda args: errors.append(args.exc_value))
    told: queue.Queue[int] = queue.Queue()

    def tell(number: int) -> None:
        told.put(number)
        if number == 3:
            raise KeyError(number)

    listener = Listener(tell)
    for number in range(100):
        listener(number)
    assert [told.get(timeout=PATIENCE) for _ in range(100)] == list(range(100))
    assert [str(error) for error in errors] == ["3"]


def test_a_sync_function_that_returns_a_coroutine_is_awaited() -> None:
    async def answer() -> str:
        return "later"

    assert asyncio.run(in_thread(lambda: answer())()) == "later"
    assert in_thread("text") == "text"
    assert in_thread(answer) is answer
