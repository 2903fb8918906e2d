"""Commands that run to their end."""

from __future__ import annotations

import asyncio
import os
import resource

import pytest

from agentos.errors import CommandFailed, ExecTimeout, LimitExceeded
from agentos.machine.machine import AgentOs

ISOLATIONS = ("namespace", "gvisor")


async def gone(vm: AgentOs, mark: str) -> None:
    """Wait until no process of the machine has this word in its command line."""
    while any(mark in word for p in await vm.processes() for word in p.command):
        await asyncio.sleep(0)


async def running(vm: AgentOs, mark: str, count: int = 1) -> None:
    """Wait until so many processes have this word in their command line."""
    while sum(mark in p.command for p in await vm.processes()) < count:
        await asyncio.sleep(0)


async def test_text_runs_in_a_shell_and_a_list_runs_as_it_is(vm: AgentOs) -> None:
    assert (await vm.exec("echo $((6 * 7)) | cat")).stdout == "42\n"
    assert (await vm.exec(["echo", "$((6 * 7))", "a  b"])).stdout == "$((6 * 7)) a  b\n"


async def test_streams_are_kept_apart(vm: AgentOs) -> None:
    result = await vm.exec(r"printf 'out\377'; printf 'err\n' >&2; exit 3")
    assert (result.stdout_bytes, result.stderr_bytes) == (b"out\xff", b"err\n")
    assert (result.stdout, result.stderr, result.exit_code) == ("out�", "err\n", 3)


async def test_cwd_and_env(vm: AgentOs) -> None:
    await vm.mkdir("project")
    result = await vm.exec('pwd; printf "%s" "$NOTE"', cwd="project", env={"NOTE": "a\nb=ü"})
    assert result.stdout == "/home/agentos/project\na\nb=ü"
    assert (await vm.exec("pwd", cwd="/usr")).stdout == "/usr\n"


async def test_a_nul_byte_cannot_smuggle_in_another_argument_or_setting(vm: AgentOs) -> None:
    with pytest.raises(ValueError, match="NUL"):
        await vm.exec(["echo", "a\0b"])
    with pytest.raises(ValueError, match="NUL"):
        await vm.exec("env", env={"A": "x\0LD_PRELOAD=y"})
    with pytest.raises(ValueError, match="NUL"):
        await vm.exec("true", cwd="/tmp\0x")
    with pytest.raises(ValueError, match="empty"):
        await vm.exec([])


async def test_input(vm: AgentOs) -> None:
    assert (await vm.exec("cat", input="grüße\n")).stdout == "grüße\n"
    assert (await vm.exec("wc -c")).stdout == "0\n"
    big = os.urandom(2**20) * 10
    assert (await vm.exec("cat", input=big)).stdout_bytes == big
    assert (await vm.exec("head -c 3", input=big)).stdout_bytes == big[:3]
    assert (await vm.exec("true", input=big)).exit_code == 0


@pytest.mark.linux("gVisor names descriptors of the host in its own way")
async def test_stdin_is_empty_unless_given(vm: AgentOs) -> None:
    assert (await vm.exec("cat; readlink /proc/self/fd/0")).stdout == "/dev/null\n"


async def test_exit_codes_and_signals(vm: AgentOs) -> None:
    assert (await vm.exec("exit 255")).exit_code == 255
    assert (await vm.exec("kill -TERM $$")).exit_code == 128 + 15
    assert (await vm.exec(["sh", "-c", "kill -KILL $$"])).exit_code == 128 + 9


async def test_check_raises_with_what_was_written(vm: AgentOs) -> None:
    assert (await vm.exec("true", check=True)).exit_code == 0
    with pytest.raises(CommandFailed, match="exit code 4") as caught:
        await vm.exec("echo out; echo why >&2; exit 4", check=True)
    assert (caught.value.exit_code, caught.value.stdout) == (4, b"out\n")
    assert caught.value.stderr == b"why\n"
    assert "why" in str(caught.value)


async def test_what_cannot_start_raises_pythons_errors(vm: AgentOs) -> None:
    with pytest.raises(FileNotFoundError) as missing:
        await vm.exec(["no-such-program"])
    assert missing.value.filename == "no-such-program"
    with pytest.raises(FileNotFoundError) as no_cwd:
        await vm.exec("true", cwd="/no/such")
    assert no_cwd.value.filename == "/no/such"
    with pytest.raises(NotADirectoryError):
        await vm.exec("true", cwd="/etc/passwd")
    await vm.write_file("data", "no program")
    with pytest.raises(PermissionError):
        await vm.exec(["./data"])
    with pytest.raises(PermissionError):
        await vm.exec(["data"], env={"PATH": "/home/agentos"})
    await vm.chmod("data", 0o755)
    with pytest.raises(OSError, match="Exec format"):
        await vm.exec(["./data"])


@pytest.mark.linux("gVisor says ENAMETOOLONG")
async def test_too_long_a_command_is_an_os_error(vm: AgentOs) -> None:
    for command in (["true", "x" * 200_000], ["true"] + ["y" * 100] * 10_000, ["true"] * 20_000):
        with pytest.raises(OSError, match="Argument list too long"):
            await vm.exec(command)
    assert (await vm.exec(["echo", "x" * 100_000])).stdout == "x" * 100_000 + "\n"


async def test_a_timeout_keeps_the_output_and_kills_all_of_the_session(vm: AgentOs) -> None:
    command = "echo before; echo sign >&2; sleep 4711 & sleep 4711"
    with pytest.raises(ExecTimeout) as caught:
        await vm.exec(command, timeout=0.2)
    assert (caught.value.stdout, caught.value.stderr) == (b"before\n", b"sign\n")
    await gone(vm, "4711")


async def test_a_timeout_kills_even_what_goes_on_forking(vm: AgentOs) -> None:
    with pytest.raises(ExecTimeout):
        await vm.exec("while :; do sleep 4712 & sleep 0.001; done", timeout=0.3)
    await gone(vm, "4712")


async def test_cancelling_exec_kills_its_command(vm: AgentOs) -> None:
    task = asyncio.ensure_future(vm.exec("sleep 4713 & sleep 4713"))
    await running(vm, "4713", 2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await gone(vm, "4713")


async def test_cancelling_before_it_started_kills_it_too(vm: AgentOs) -> None:
    for turns in range(6):
        task = asyncio.ensure_future(vm.exec(["sleep", "4714"]))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    await gone(vm, "4714")


def most_at_once() -> int:
    """A thousand, or as many commands as the limits of whoever runs the tests have room for."""
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    processes, _ = resource.getrlimit(resource.RLIMIT_NPROC)
    bounds = [1000, descriptors // 10, processes // 4 if processes > 0 else 1000]
    return min(bounds)


@pytest.mark.linux("a thousand processes take gVisor a minute")
async def test_cancelling_a_thousand_kills_every_one(vm: AgentOs) -> None:
    count = most_at_once()
    tasks = [asyncio.ensure_future(vm.exec(["sleep", "4715"])) for _ in range(count)]
    all_running = asyncio.ensure_future(running(vm, "4715", count))
    await asyncio.wait({all_running, *tasks}, return_when=asyncio.FIRST_COMPLETED)
    failed = [task.exception() for task in tasks if task.done()]
    all_running.cancel()
    for task in tasks:
        task.cancel()
    await asyncio.wait({all_running, *tasks})
    await gone(vm, "4715")
    assert failed == []  # one that could not start would be waited for without end


async def test_what_a_command_leaves_behind_goes_on(vm: AgentOs) -> None:
    """Its exec has returned, and its output goes nowhere, but it does not die of that."""
    await vm.exec("mkfifo go")
    result = await vm.exec(
        "(read line < go; yes | head -c 1000000; echo late; echo survived > proof) & echo early"
    )
    assert result.stdout == "early\n"
    await vm.exec("echo now > go; until [ -s proof ]; do sleep 0.01; done")
    assert await vm.read_text("proof") == "survived\n"


async def test_more_output_than_allowed_is_an_error_and_ends_the_command(vm: AgentOs) -> None:
    with pytest.raises(LimitExceeded) as caught:
        await vm.exec("yes 4716", max_output=100_000)
    assert caught.value.limit == "max_output"
    await gone(vm, "4716")
    with pytest.raises(LimitExceeded):
        await vm.exec("head -c 1001 /dev/zero >&2", max_output=1000)
    assert len((await vm.exec("head -c 1000 /dev/zero", max_output=1000)).stdout) == 1000


async def test_two_hundred_at_once(vm: AgentOs) -> None:
    results = await asyncio.gather(*(vm.exec(f"echo {n}; exit {n}") for n in range(200)))
    assert [(r.stdout, r.exit_code) for r in results] == [(f"{n}\n", n) for n in range(200)]


async def test_usage_tells_time_and_memory(vm: AgentOs) -> None:
    busy = await vm.exec(["python3", "-c", "x = b'x' * 50_000_000; sum(range(2_000_000))"])
    idle = await vm.exec("true")
    assert busy.usage.user_time > idle.usage.user_time
    assert busy.usage.max_rss > 50_000_000 > idle.usage.max_rss > 0


async def test_exec_leaves_no_descriptor_when_there_are_too_few(
    vm: AgentOs, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = len(os.listdir("/proc/self/fd"))
    real = os.pipe2
    pipes = iter(range(10))

    def scarce(flags: int) -> tuple[int, int]:
        if next(pipes) == 2:
            raise OSError(24, "Too many open files")
        return real(flags)

    monkeypatch.setattr(os, "pipe2", scarce)
    with pytest.raises(OSError, match="Too many open files"):
        await vm.exec("true", input="x")
    monkeypatch.undo()
    await vm.exec("true")  # by its end the loop has come round
    assert len(os.listdir("/proc/self/fd")) == before
