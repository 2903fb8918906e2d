"""Commands: run to their end, or live."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from pathlib import Path

import pytest

from agentos.errors import CommandFailed, ExecTimeout, LimitExceeded
from agentos.machine.machine import AgentOs
from agentos.machine.process import Process


async def gone(vm: AgentOs, mark: str) -> None:
    """Wait until no process of the machine has this word in its command line."""
    while any(mark in word for p in await vm.processes() for word in p.command):
        await asyncio.sleep(0)


async def running(vm: AgentOs, mark: str, count: int = 1) -> None:
    """Wait until so many processes have this word in their command line."""
    while sum(mark in p.command for p in await vm.processes()) < count:
        await asyncio.sleep(0)


async def line(process: Process) -> str:
    assert process.stdout is not None
    return (await process.stdout.readline()).decode().rstrip("\n")


# ---- exec ----


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


async def test_cancelling_a_thousand_kills_every_one(vm: AgentOs) -> None:
    tasks = [asyncio.ensure_future(vm.exec(["sleep", "4715"])) for _ in range(1000)]
    await running(vm, "4715", 1000)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    await gone(vm, "4715")


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


# ---- spawn ----


async def test_a_dialogue_with_a_live_process(vm: AgentOs) -> None:
    process = await vm.spawn(["sed", "-u", "s/^/> /"])
    assert process.stdin is not None
    assert process.exit_code is None
    for word in ("one", "two"):
        process.stdin.write(f"{word}\n".encode())
        assert await line(process) == f"> {word}"
    process.stdin.close()
    assert await process.wait() == 0
    assert process.exit_code == 0


async def test_streams_that_are_not_piped(vm: AgentOs) -> None:
    process = await vm.spawn("cat; echo x", stdin="null", stdout="null", stderr="null")
    assert (process.stdin, process.stdout, process.stderr) == (None, None, None)
    assert await process.wait() == 0


async def test_spawn_of_what_is_missing(vm: AgentOs) -> None:
    with pytest.raises(FileNotFoundError):
        await vm.spawn(["no-such-program"])


async def test_a_gigabyte_streams_through_a_small_process(vm: AgentOs) -> None:
    def resident() -> int:
        status = Path("/proc/self/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert found
        return int(found[1]) * 1024

    process = await vm.spawn("head -c 1000000000 /dev/zero")
    assert process.stdout is not None
    before, most, total = resident(), 0, 0
    while chunk := await process.stdout.read(2**20):
        total += len(chunk)
        most = max(most, resident())
    assert total == 1_000_000_000
    assert most - before < 64 * 2**20
    assert await process.wait() == 0


async def test_a_slow_reader_makes_the_writer_wait(vm: AgentOs) -> None:
    process = await vm.spawn(["yes"], limit=65536)
    assert process.stdout is not None
    while not (await vm.read_text(f"/proc/{process.pid}/wchan")).startswith(("pipe", "anon_pipe")):
        await asyncio.sleep(0)
    assert len(process.stdout._buffer) <= 3 * 65536  # type: ignore[attr-defined]
    await process.kill()
    await process.wait()
    process.close()


async def test_many_lines_arrive_in_order(vm: AgentOs) -> None:
    process = await vm.spawn("seq 1 50000")
    assert process.stdout is not None
    lines = [int(text) async for text in process.stdout]
    assert lines == list(range(1, 50_001))


async def test_signals_reach_the_process_group(vm: AgentOs) -> None:
    process = await vm.spawn(
        "trap 'echo caught; exit 7' USR1; echo up; while :; do sleep 0.01; done"
    )
    assert await line(process) == "up"
    await process.signal(signal.SIGUSR1)
    assert await line(process) == "caught"
    assert await process.wait() == 7
    await process.signal(signal.SIGUSR1)  # it has ended: nothing happens


async def test_kill_takes_the_whole_session(vm: AgentOs) -> None:
    process = await vm.spawn("sleep 4717 & sleep 4717 & wait")
    await running(vm, "4717", 2)
    await process.kill()
    assert await process.wait() == 128 + 9
    await gone(vm, "4717")


DETACH = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execvp("sleep", ["sleep", sys.argv[1]])
    os._exit(0)
os.wait()
print("detached", flush=True)
time.sleep(1000)
"""


async def test_kill_of_a_contained_command_reaches_what_detached_itself(vm: AgentOs) -> None:
    process = await vm.spawn(["python3", "-c", DETACH, "4718"], contain=True)
    assert await line(process) == "detached"
    while not any(p.command == ("sleep", "4718") for p in await vm.processes()):
        await asyncio.sleep(0)
    seen = {p.pid: p for p in await vm.processes()}
    (daemon,) = (p for p in seen.values() if p.command == ("sleep", "4718"))
    assert daemon.ppid == process.supervisor != process.pid
    assert seen[process.pid].ppid == process.supervisor
    assert daemon.sid not in (process.pid, process.supervisor)
    await process.kill()
    assert await process.wait() == 128 + 9
    await gone(vm, "4718")


async def test_a_contained_command_tells_its_own_exit_code(vm: AgentOs) -> None:
    process = await vm.spawn("exit 9", contain=True)
    assert await process.wait() == 9
    process = await vm.spawn("kill -TERM $$", contain=True)
    assert await process.wait() == 128 + 15
    with pytest.raises(FileNotFoundError):
        await vm.spawn(["no-such-program"], contain=True)


async def test_leaving_the_block_of_a_process_ends_it(vm: AgentOs) -> None:
    async with await vm.spawn(["sleep", "4719"]) as process:
        await running(vm, "4719")
    assert process.exit_code == 128 + 9
    await gone(vm, "4719")


async def test_processes_and_signals_by_pid(vm: AgentOs) -> None:
    process = await vm.spawn(["sleep", "4720"])
    await running(vm, "4720")
    (seen,) = await vm.processes()
    assert (seen.pid, seen.executable) == (process.pid, "sleep")
    assert seen.state in ("R", "S")
    assert (seen.ppid, seen.pgid, seen.sid) == (1, process.pid, process.pid)
    await vm.signal(process.pid, signal.SIGTERM)
    assert await process.wait() == 128 + 15
    with pytest.raises(ProcessLookupError):
        await vm.signal(process.pid, signal.SIGTERM)
    with pytest.raises(PermissionError):
        await vm.signal(1, signal.SIGKILL)


async def test_a_program_may_have_any_name(vm: AgentOs) -> None:
    await vm.exec(["cp", "/bin/sleep", "a) R 1 (b\n"])
    process = await vm.spawn(["./a) R 1 (b\n", "4721"])
    await running(vm, "4721")
    (seen,) = await vm.processes()
    assert (seen.executable, seen.ppid) == ("a) R 1 (b\n", 1)
    await process.kill()


async def test_commands_start_with_clean_signals(vm: AgentOs) -> None:
    """Python ignores SIGPIPE and SIGXFSZ; a machine's programs find them as usual."""
    status = (await vm.exec(["cat", "/proc/self/status"])).stdout
    masks = dict(re.findall(r"Sig(Ign|Blk):\s+([0-9a-f]+)", status))
    libc_own = 1 << 31 | 1 << 32  # 32 and 33, which no libc lets anyone set
    assert int(masks["Ign"], 16) & ~libc_own == 0
    assert int(masks["Blk"], 16) == 0
