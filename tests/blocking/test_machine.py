"""Machines of code without an event loop: every kind of verb, with real machines."""

from __future__ import annotations

import datetime
import io
import signal
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from agentos.blocking import (
    AgentOs,
    CommandFailed,
    ExecTimeout,
    FileChange,
    MachineError,
    MachinePool,
    Mount,
    PortEvent,
)

SERVER = Path(__file__).parents[1] / "machine" / "network" / "servers" / "server_inside.py"


@contextmanager
def serving(vm: AgentOs, port: int = 8080) -> Iterator[None]:
    vm.upload(SERVER, "server.py")
    with vm.spawn(["python3", "server.py", str(port), "0.0.0.0"]), vm.ports() as events:
        assert next(events) == PortEvent("port_opened", port, "0.0.0.0")
        yield


def test_commands_and_files(vm: AgentOs) -> None:
    vm.mkdir("a/b", parents=True)
    vm.write_file("a/b/c.txt", "hello\n")
    assert vm.exec("cat a/b/c.txt").stdout == "hello\n"
    assert vm.exec(["cat"], input="typed").stdout_bytes == b"typed"
    assert vm.read_text("a/b/c.txt") == "hello\n"
    assert [entry.name for entry in vm.scandir("a/b")] == ["c.txt"]
    home = "/home/agentos"
    assert list(vm.walk("a")) == [(f"{home}/a", ["b"], []), (f"{home}/a/b", [], ["c.txt"])]
    assert not vm.closed
    vm.close()
    assert vm.closed
    vm.close()


def test_errors_keep_their_type_and_show_the_callers_line(vm: AgentOs) -> None:
    with pytest.raises(FileNotFoundError) as missing:
        vm.read_file("/nope")
    assert missing.value.filename == "/nope"
    places = [entry.path for entry in missing.traceback]
    assert places[0] == Path(__file__)
    assert any(str(place).endswith("machine/files.py") for place in places)
    with pytest.raises(CommandFailed) as failed:
        vm.exec("exit 3", check=True)
    assert failed.value.exit_code == 3
    with pytest.raises(ExecTimeout) as late:
        vm.exec("echo so far; sleep 1000", timeout=0.5)
    assert late.value.stdout == b"so far\n"


def test_create_starts_a_machine_that_the_caller_closes() -> None:
    vm = AgentOs.create(name="made", env={"WORD": "here"})
    try:
        assert vm.exec("hostname; echo $WORD").stdout == "made\nhere\n"
        assert (vm.name, vm.isolation, vm.software) == ("made", "namespace", ())
    finally:
        vm.close()
    with pytest.raises(MachineError):
        vm.exec("true")


def test_streams_of_a_process_are_files(vm: AgentOs) -> None:
    with vm.spawn("cat; echo end >&2") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.exit_code is None
        process.stdin.write(b"one\n")
        assert process.stdout.readline() == b"one\n"
        process.stdin.write("two\nthrée\n".encode())
        process.stdin.close()
        process.stdin.close()
        assert io.TextIOWrapper(process.stdout, "utf-8").readlines() == ["two\n", "thrée\n"]
        assert process.stderr.read() == b"end\n"
        assert process.wait() == process.exit_code == 0
        with pytest.raises(ValueError, match="closed"):
            process.stdin.write(b"more")


def test_much_output_passes_and_much_input(vm: AgentOs) -> None:
    data = bytes(range(256)) * 16 * 1024
    with vm.spawn(["cat"]) as process, ThreadPoolExecutor(1) as writer:
        stdin, stdout = process.stdin, process.stdout
        assert stdin is not None
        assert stdout is not None
        writing = writer.submit(stdin.write, data)
        writing.add_done_callback(lambda _: stdin.close())
        assert stdout.read() == data
        assert writing.result() == len(data)


def test_a_process_that_nobody_holds_goes_on(vm: AgentOs) -> None:
    vm.spawn("sleep 0.1; echo still > here; read line; echo $line > there")
    while not vm.exists("here"):
        pass
    assert [p for p in vm.processes() if "read line" in str(p.command)]


def test_a_process_that_is_killed_wakes_who_reads(vm: AgentOs) -> None:
    process = vm.spawn(["sleep", "1000"])
    assert process.stdout is not None
    with ThreadPoolExecutor(1) as reader:
        reading = reader.submit(process.stdout.read)
        process.kill()
        assert reading.result() == b""
    assert process.wait() == 128 + signal.SIGKILL


def test_kept_output_is_followed(vm: AgentOs) -> None:
    process = vm.spawn("echo one; echo two", keep_output=1000)
    assert b"".join(chunk.data for chunk in process.output()) == b"one\ntwo\n"
    assert b"".join(chunk.data for chunk in process.read_output()) == b"one\ntwo\n"


def test_a_terminal(vm: AgentOs) -> None:
    with vm.terminal(["sh", "-c", "read word; echo got $word; stty size"]) as terminal:
        terminal.resize(10, 20)
        terminal.write(b"this\n")
        shown = b""
        while piece := terminal.read():
            shown += piece
        assert b"got this" in shown
        assert b"10 20" in shown
        assert terminal.wait() == 0


def test_an_interpreter_and_a_pool() -> None:
    with (
        MachinePool(1, env={"LC_ALL": "C"}) as pool,
        pool.take(env={"TASK": "7"}) as vm,
        vm.interpreter("python") as python,
    ):
        assert pool.size == 1
        assert vm.exec("echo $LC_ALL $TASK").stdout == "C 7\n"
        assert python.run("x = 6").error is None
        assert python.run("x * y", inputs={"y": 7}).value == 42


def test_changes_are_watched_until_it_is_closed(vm: AgentOs) -> None:
    with vm.watch(".") as changes:
        vm.write_file("new", "")
        assert next(changes) == FileChange("created", "/home/agentos/new")
        waiting = threading.Thread(target=lambda: [None for _ in changes])
        waiting.start()
        changes.close()
        waiting.join()
    assert list(changes) == []


def test_an_iteration_ends_when_another_thread_closes_it(vm: AgentOs) -> None:
    events = vm.ports()
    seen: list[PortEvent] = []
    following = threading.Thread(target=lambda: seen.extend(events))
    following.start()
    events.close()
    following.join()
    assert seen == []
    events.close()


def test_branches_mounts_and_comparisons(vm: AgentOs, tmp_path: Path) -> None:
    (tmp_path / "given").write_text("of the host")
    vm.mount(Mount.host(tmp_path, "/mnt/host"))
    assert vm.read_text("/mnt/host/given") == "of the host"
    assert [str(mount.target) for mount in vm.mounts] == ["/mnt/host"]
    vm.unmount("/mnt/host")
    vm.write_file("kept", "1")
    assert "kept" in str(vm.diff())
    (other,) = vm.fork()
    with other:
        assert isinstance(other, AgentOs)
        assert other.read_text("kept") == "1"
        other.write_file("kept", "2")
        assert vm.read_text("kept") == "1"
        assert other != vm


def test_servers_inside_are_reached(vm: AgentOs) -> None:
    with serving(vm):
        assert vm.fetch(8080, "/a").json()["path"] == "/a"
        with vm.http(8080) as client:
            answer = client.post("/", content=b"x" * 100_000)
            assert (answer.status_code, answer.content) == (201, b"x" * 100_000)
            with client.stream("GET", "/stream") as streamed:
                chunks = streamed.iter_raw()
                assert next(chunks) == b"first"
                vm.fetch(8080, "/go-on")
                assert next(chunks) == b"second"
        with vm.websocket(8080, "/chat") as connection:
            for message in ("hello", b"\0\1\2"):
                connection.send(message)
                assert connection.recv(timeout=60) == message
        with vm.forward(8080) as forward:
            assert httpx2.get(f"{forward.url}/x", trust_env=False).json()["path"] == "/x"
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(forward.address)
        preview = vm.preview_url(8080)
        shown = httpx2.get(preview.url, trust_env=False, follow_redirects=True)
        assert shown.status_code == 200
        assert preview.expires > datetime.datetime.now(datetime.UTC)
        preview.revoke()
    with pytest.raises(httpx2.ConnectError):
        vm.fetch(8080)


def test_the_network_policy_of_a_running_machine_changes(vm: AgentOs) -> None:
    assert vm.network.policy.allows_nothing
    vm.network.allow("api.example.com")
    assert vm.network.policy.allows("api.example.com", 443)
    assert vm.network.log == []
    assert vm.network == vm.network
