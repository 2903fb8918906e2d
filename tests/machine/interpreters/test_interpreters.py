"""Interpreters that stay: what a run defines the next one knows, and each end is told apart."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator

import pytest
from tests.conftest import require_runsc

from agentos.errors import (
    ExecTimeout,
    InterpreterEnded,
    LimitExceeded,
    MachineError,
)
from agentos.machine.interpreters.interpreter import Interpreter, Language
from agentos.machine.limits.limits import Limits
from agentos.machine.machine import AgentOs

ISOLATIONS = ("namespace", "gvisor")


@pytest.fixture
async def vm(request: pytest.FixtureRequest) -> AsyncIterator[AgentOs]:
    """A machine with a Node, whether the host has one or not."""
    if request.param == "gvisor":
        require_runsc()
    async with AgentOs(isolation=request.param, software=["node"]) as machine:
        yield machine


@pytest.fixture
async def python(vm: AgentOs) -> AsyncIterator[Interpreter]:
    async with await vm.interpreter("python") as interpreter:
        yield interpreter


@pytest.fixture
async def node(vm: AgentOs) -> AsyncIterator[Interpreter]:
    async with await vm.interpreter("node") as interpreter:
        yield interpreter


async def test_python_keeps_what_was_defined(vm: AgentOs, python: Interpreter) -> None:
    assert (await python.run("import os\ndef double(x):\n    return 2 * x")).value is None
    result = await python.run("print('out'); double(n)", inputs={"n": 21, "π": [1, {"a": None}]})
    assert (result.value, result.shown, result.stdout, result.error) == (42, "42", "out\n", None)
    assert (await python.run("π, n")).value == [[1, {"a": None}], 21]
    assert (await python.run("object()")).value is None
    assert (await python.run("double")).shown.startswith("<function double")
    assert (await python.run("float('nan')")).shown == "nan"
    assert (await python.run("")).shown == ""
    assert (await python.run("os.getcwd(), os.getpid()")).value == ["/home/agentos", python.pid]


async def test_node_keeps_what_was_defined(node: Interpreter) -> None:
    await node.run("const double = (x) => 2 * x; let count = 0; const fs = require('fs')")
    result = await node.run("console.log('out'); count += 1; double(n)", inputs={"n": 21})
    assert (result.value, result.shown, result.stdout, result.error) == (42, "42", "out\n", None)
    assert (await node.run("({count, big: 10n ** 30n})")).shown.startswith("{ count: 1, big: 10")
    assert (await node.run("new Promise((done) => setTimeout(done, 1, 'later'))")).value == "later"
    assert (await node.run("fs.readdirSync('/home')")).value == ["agentos"]
    assert (await node.run("import('node:path').then((m) => m.sep)")).value == "/"
    assert (await node.run("undefined")).shown == ""


async def test_python_awaits_at_the_top(python: Interpreter) -> None:
    await python.run("import asyncio\nqueue = asyncio.Queue()")
    await python.run("await queue.put('kept')")
    assert (await python.run("await queue.get()")).value == "kept"


@pytest.mark.parametrize(
    ("language", "code", "name", "shown"),
    [
        ("python", "def f():\n    return 1 / 0\nf()", "ZeroDivisionError", "return 1 / 0"),
        ("python", "x = ", "SyntaxError", "<run 1>"),
        ("python", "raise SystemExit(3)", "SystemExit", "<run 1>"),
        ("python", "class A:\n    def __repr__(self): 1/0\nA()", "ZeroDivisionError", "__repr__"),
        ("node", "function f() { return nope }\nf()", "ReferenceError", "<run 1>"),
        ("node", "let let", "SyntaxError", ""),
        ("node", "throw {a: 1}", "Error", ""),
        ("node", "Promise.reject(new TypeError('late'))", "TypeError", "late"),
    ],
)
async def test_an_error_of_the_code_ends_nothing(
    vm: AgentOs, language: Language, code: str, name: str, shown: str
) -> None:
    async with await vm.interpreter(language) as interpreter:
        error = (await interpreter.run(code)).error
        assert error
        assert error.name == name
        assert shown in error.stack
        assert "inside.py" not in error.stack
        assert "<string>" not in error.stack
        assert (await interpreter.run("1 + 1")).value == 2


async def test_output_is_the_whole_process_s_and_in_the_run_that_wrote_it(vm: AgentOs) -> None:
    async with await vm.interpreter() as python, await vm.interpreter("node") as node:
        run = "import os, sys; os.system('echo child; echo oops >&2; cat'); print('x' * 300_000)"
        result = await python.run(run)
        assert (result.stdout, result.stderr) == ("child\n" + "x" * 300_000 + "\n", "oops\n")
        code = "require('child_process').spawnSync('sh', ['-c', command], {stdio: 'inherit'})"
        result = await node.run(
            code, inputs={"command": "echo child; cat; ls /proc/self/fd | wc -l"}
        )
        assert result.stdout == "child\n4\n"
        assert (await node.run("console.error('y'.repeat(300000))")).stderr == "y" * 300_000 + "\n"
        assert (await python.run("0")).stdout == ""


@pytest.mark.parametrize("size", [70_000, 900_000])
async def test_output_comes_before_the_answer_however_much_it_is(
    vm: AgentOs, python: Interpreter, size: int
) -> None:
    for number in range(3):
        written = f"{number}" * size
        result = await python.run(
            f"import sys; print('{number}' * {size}, end=''); print('e', file=sys.stderr); {number}"
        )
        assert (result.value, result.stderr) == (number, "e\n")
        assert result.stdout == written


async def test_one_run_at_a_time(python: Interpreter) -> None:
    running = asyncio.ensure_future(python.run("import time; time.sleep(0.2); 1"))
    await asyncio.sleep(0)
    for attempt in (python.run("2"), python.reset()):
        with pytest.raises(MachineError) as caught:
            await attempt
        assert caught.value.code == "interpreter_busy"
    assert (await running).value == 1


async def test_reset_forgets(vm: AgentOs, python: Interpreter) -> None:
    await python.run("x = 1; import subprocess; subprocess.Popen(['sleep', '1000'])")
    old = python.pid
    await python.reset()
    error = (await python.run("x")).error
    assert error
    assert error.name == "NameError"
    assert old not in {process.pid for process in await vm.processes()}
    assert not any("sleep" in process.command for process in await vm.processes())


async def test_a_timeout_says_what_was_written(vm: AgentOs, python: Interpreter) -> None:
    with pytest.raises(ExecTimeout) as caught:
        await python.run("print('started', flush=True)\nwhile True: pass", timeout=0.3)
    assert caught.value.stdout in (b"started\n", b"")  # the load decides whether it got so far
    assert python.pid is None
    with pytest.raises(InterpreterEnded, match="reset"):
        await python.run("1")
    await python.reset()
    assert (await python.run("1")).value == 1
    while len(await vm.processes()) > 2:  # the new one and its supervisor
        await asyncio.sleep(0)


@pytest.mark.parametrize("language", ["python", "node"])
async def test_a_crash_is_told(vm: AgentOs, language: Language) -> None:
    crash = {
        "python": "import os; print('last', flush=True); os._exit(7)",
        "node": "console.log('last'); process.exit(7)",
    }
    async with await vm.interpreter(language) as interpreter:
        with pytest.raises(InterpreterEnded) as caught:
            await interpreter.run(crash[language])
        assert (caught.value.exit_code, caught.value.stdout) == (7, b"last\n")
        await interpreter.reset()
        assert interpreter.pid
        running = asyncio.ensure_future(
            interpreter.run(
                "(() => { for (;;) {} })()" if language == "node" else "while True: pass"
            )
        )
        await asyncio.sleep(0)
        await vm.signal(interpreter.pid, signal.SIGKILL)
        with pytest.raises(InterpreterEnded) as caught:
            await running
        assert caught.value.exit_code == 128 + signal.SIGKILL


async def test_whoever_cancels_a_run_ends_it(vm: AgentOs, python: Interpreter) -> None:
    running = asyncio.ensure_future(python.run("import time; time.sleep(1000)"))
    while not any(p.pid == python.pid for p in await vm.processes()):
        await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert python.pid is None
    while await vm.processes():
        await asyncio.sleep(0)


async def test_code_that_forges_answers(vm: AgentOs) -> None:
    forgeries = (
        b"\xff\xff\xff\xff",
        b"\0\0\0\x02[]",
        b"\0\0\0\x02{}",
        b"\0\0\0\x04nope",
        b"\0\1\x86\xa0" + b"[" * 100_000,
        b"",
    )
    forge = "import os, socket; s = socket.socket(fileno=os.dup(3)); s.sendall(bytes(data)); "
    for forgery in forgeries:
        async with await vm.interpreter() as python:
            with pytest.raises(InterpreterEnded):
                await python.run(forge + "s.shutdown(2)", inputs={"data": list(forgery)})


async def test_more_output_than_it_may_write(vm: AgentOs) -> None:
    async with await vm.interpreter(max_output=10_000) as python:
        assert (await python.run("print('x' * 9_000)")).error is None
        assert (await python.run("print('x' * 9_000)")).error is None  # each run counts anew
        with pytest.raises(LimitExceeded) as caught:
            await python.run("while True: print('x' * 1_000)")
        assert (caught.value.limit, len(caught.value.stdout)) == ("max_output", 10_000)


async def test_a_machine_that_ends(vm: AgentOs) -> None:
    python = await vm.interpreter()
    running = asyncio.ensure_future(python.run("import time; time.sleep(1000)"))
    await asyncio.sleep(0)
    assert vm.channel.init_pid
    os.kill(vm.channel.init_pid, signal.SIGKILL)
    with pytest.raises(MachineError):
        await running
    await python.close()


async def test_what_is_missing(vm: AgentOs) -> None:
    languages: tuple[Language, ...] = ("python", "node")
    for language in languages:
        with pytest.raises(FileNotFoundError):
            await vm.interpreter(language, env={"PATH": "/bin/nowhere:/home"})
        with pytest.raises(FileNotFoundError):
            await vm.interpreter(language, cwd="absent")
    with pytest.raises(ValueError, match="python"):
        await vm.interpreter("perl")  # type: ignore[arg-type]
    async with await vm.interpreter() as python:
        with pytest.raises(TypeError):
            await python.run("x", inputs={"x": object()})
        assert (await python.run("2")).value == 2


async def test_a_memory_limit_names_itself() -> None:
    async with (
        AgentOs(limits=Limits(memory="150M")) as vm,
        await vm.interpreter("python") as python,
    ):
        with pytest.raises(LimitExceeded) as caught:
            await python.run("held = [bytearray(4 << 20) for _ in range(10_000)]")
        assert caught.value.limit == "memory"
