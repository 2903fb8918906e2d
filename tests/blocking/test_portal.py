"""The event loop behind the blocking verbs: threads, Ctrl-C, forks, and its end."""

from __future__ import annotations

import asyncio
import contextvars
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.conftest import Footprint, children_of

from agentos import AgentOsError
from agentos.blocking import AgentOs, shutdown
from agentos.blocking.runtime.portal import portal


def interrupt() -> None:
    """Press Ctrl-C: the main thread is told, wherever it waits."""
    ident = threading.main_thread().ident
    assert ident is not None
    signal.pthread_kill(ident, signal.SIGINT)


@contextmanager
def script(source: str) -> Iterator[subprocess.Popen[str]]:
    """Run a program whose stdout can be read; it is killed in the end."""
    program = subprocess.Popen(
        [sys.executable, "-c", source],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with program:
        try:
            yield program
        finally:
            program.kill()


def test_many_threads_use_one_machine(vm: AgentOs) -> None:
    def work(number: int) -> str:
        vm.write_file(f"file-{number}", str(number))
        return vm.exec(f"cat file-{number}").stdout

    with ThreadPoolExecutor(16) as threads:
        assert list(threads.map(work, range(64))) == [str(number) for number in range(64)]
    assert [t.name for t in threading.enumerate()].count("agentos.blocking") == 1


def test_the_first_use_by_many_threads_starts_one_event_loop() -> None:
    barrier = threading.Barrier(16)

    def begin(_: int) -> object:
        barrier.wait()
        return portal()

    with ThreadPoolExecutor(16) as threads:
        assert len(set(threads.map(begin, range(16)))) == 1


def test_ctrl_c_ends_the_command_and_the_machine_goes_on(vm: AgentOs) -> None:
    def press() -> None:
        while not any("54321" in p.command for p in vm.processes()):
            pass
        interrupt()

    pressing = threading.Thread(target=press)
    pressing.start()
    with pytest.raises(KeyboardInterrupt):
        vm.exec(["sleep", "54321"])
    pressing.join()
    while any("54321" in p.command for p in vm.processes()):
        pass
    assert vm.exec("echo on").stdout == "on\n"


def test_ctrl_c_waits_for_the_clean_up() -> None:
    told: list[str] = []

    async def work() -> None:
        try:
            interrupt()
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            told.append("cleaned up")

    with pytest.raises(KeyboardInterrupt):
        portal().run(work())
    assert told == ["cleaned up"]


def test_a_second_ctrl_c_does_not_wait_for_the_clean_up() -> None:
    gate = threading.Event()
    ended = threading.Event()

    async def work() -> None:
        try:
            interrupt()
            await asyncio.Event().wait()
        finally:
            interrupt()
            await asyncio.to_thread(gate.wait)
            ended.set()

    try:
        with pytest.raises(KeyboardInterrupt):
            portal().run(work())
        assert not ended.is_set()
    finally:
        gate.set()
    assert ended.wait(60)


@pytest.mark.parametrize("turns", [0, 1, 2, 5, 10, 20, 50])
def test_ctrl_c_while_a_machine_starts_leaves_nothing(footprint: Footprint, turns: int) -> None:
    async def press() -> None:
        for _ in range(turns):
            await asyncio.sleep(0)
        interrupt()

    def start_and_work() -> None:
        pressing: list[asyncio.Task[None]] = []
        portal().soon(lambda: pressing.append(asyncio.create_task(press())))
        with AgentOs() as vm:
            vm.exec("sleep 1000")

    with pytest.raises(KeyboardInterrupt):
        start_and_work()
    assert Footprint.now().children == footprint.children
    shutdown()
    assert Footprint.now().grown_since(footprint) == []


def test_it_is_refused_inside_an_event_loop(vm: AgentOs) -> None:
    async def careless() -> None:
        vm.exec("true")

    with pytest.raises(AgentOsError, match="inside a running event loop") as refused:
        asyncio.run(careless())
    assert refused.value.code == "inside_event_loop"
    assert refused.value.hint is not None
    assert "from agentos import AgentOs" in refused.value.hint

    async def make() -> None:
        AgentOs()

    with pytest.raises(AgentOsError, match="inside a running event loop"):
        asyncio.run(make())


def test_an_iteration_that_is_freed_on_an_event_loop_is_closed_there(vm: AgentOs) -> None:
    def generator() -> Iterator[object]:
        yield from vm.walk("/usr")

    walking = [generator()]
    next(walking[0])

    async def free() -> None:
        walking.clear()  # `yield from` closes what it goes through

    portal().run(free())
    asyncio.run(_free_elsewhere(generator()))


async def _free_elsewhere(walking: Iterator[object]) -> None:
    del walking


def test_what_a_context_variable_holds_is_known_there() -> None:
    word = contextvars.ContextVar[str]("word")
    word.set("here")

    async def look() -> str:
        return word.get()

    assert portal().run(look()) == "here"


def test_a_task_that_wants_to_exit_ends_its_call_alone(vm: AgentOs) -> None:
    async def leave() -> None:
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        portal().run(leave())
    assert vm.exec("echo on").stdout == "on\n"


def test_shutdown_leaves_no_thread_and_no_descriptor(footprint: Footprint) -> None:
    with AgentOs() as vm:
        assert vm.exec("echo hi").stdout == "hi\n"
        vm.walk("/usr")  # begun by nobody
        next(vm.walk("/usr"))  # left in the middle
    shutdown()
    now = Footprint.now()
    assert now.grown_since(footprint) == []
    assert now.threads <= footprint.threads
    with pytest.raises(AgentOsError) as ended:
        vm.exec("true")
    assert ended.value.code == "event_loop_ended"
    with AgentOs() as another:
        assert another.exec("echo again").stdout == "again\n"


def test_shutdown_ends_calls_that_wait_in_other_threads(vm: AgentOs) -> None:
    begun = threading.Event()
    errors: list[AgentOsError] = []

    async def wait() -> None:
        begun.set()
        await asyncio.Event().wait()

    def call() -> None:
        try:
            portal().run(wait())
        except AgentOsError as error:
            errors.append(error)

    waiting = threading.Thread(target=call)
    waiting.start()
    begun.wait()
    vm.close()
    shutdown()
    waiting.join()
    assert [error.code for error in errors] == ["event_loop_ended"]


@pytest.fixture
def vm(request: pytest.FixtureRequest) -> Iterator[AgentOs]:
    """A machine, which a test may have shut down."""
    machine = AgentOs.create()
    yield machine
    if not machine._portal._ended:
        machine.close()


def test_a_program_that_ends_leaves_nothing_and_says_nothing() -> None:
    source = """
from agentos.blocking import AgentOs
left_open = AgentOs.create()
left_open.spawn(["sleep", "1000"])
with AgentOs() as vm:
    print(vm.exec("echo hi").stdout, end="")
"""
    with script(source) as program:
        said, errors = program.communicate()
        assert (said, errors, program.returncode) == ("hi\n", "", 0)


def test_a_program_that_is_killed_takes_its_machines_along() -> None:
    source = """
from agentos.blocking import AgentOs
vm = AgentOs.create()
vm.spawn(["sleep", "1000"])
print("ready", flush=True)
vm.exec("sleep 1000")
"""
    with script(source) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "ready\n"
        inits = children_of(program.pid)
        assert inits
        program.kill()
        program.wait()
        while any(Path(f"/proc/{pid}").exists() for pid in inits):
            pass


def test_ctrl_c_in_a_program_closes_its_machine() -> None:
    source = """
from agentos.blocking import AgentOs
with AgentOs() as vm:
    print("ready", flush=True)
    vm.exec("sleep 1000")
"""
    with script(source) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "ready\n"
        inits = children_of(program.pid)
        os.kill(program.pid, signal.SIGINT)
        _, errors = program.communicate()
        assert errors.splitlines()[-1] == "KeyboardInterrupt"
        assert "never awaited" not in errors
        assert not any(Path(f"/proc/{pid}").exists() for pid in inits)


def test_a_fork_has_an_event_loop_of_its_own_and_spares_its_parents() -> None:
    source = """
import os
from agentos.blocking import AgentOs, AgentOsError

vm = AgentOs.create()
changes = vm.watch(".")
changes.start()
child = os.fork()
if child == 0:
    status = 1
    try:
        vm.exec("true")
    except AgentOsError as error:
        assert error.code == "event_loop_ended", error
        del changes  # frees a descriptor that the parent's loop watches
        with AgentOs() as own:
            assert own.exec("echo child").stdout == "child\\n"
        status = 0
    finally:
        os._exit(status)
assert os.waitpid(child, 0)[1] == 0
vm.write_file("new", "")
print(next(changes).kind, vm.exec("echo parent").stdout, end="")
vm.close()
"""
    with script(source) as program:
        said, errors = program.communicate()
        assert said == "created parent\n", errors
