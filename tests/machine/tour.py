"""A tour of a machine by whoever runs it: `python tour.py [ISOLATION]`, without a test framework.

`test_unprivileged.py` sends an ordinary user on it.
"""

# ruff: noqa: ASYNC222 - a machine's end and its processes set no asyncio.Event
from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

from agentos.errors import ExecTimeout, MachineError
from agentos.machine.machine import AgentOs
from agentos.machine.network import NetworkPolicy

ISOLATION: Any = sys.argv[1] if len(sys.argv) > 1 else "namespace"


def same(seen: object, expected: object) -> None:
    if seen != expected:
        raise AssertionError(f"{seen!r} instead of {expected!r}")


async def raises(kind: type[Exception], attempt: object) -> None:
    try:
        await attempt  # type: ignore[misc]
    except kind:
        return
    raise AssertionError(f"no {kind.__name__}")


async def commands(vm: AgentOs) -> None:
    same((await vm.exec("id -u; hostname; pwd")).stdout, "1000\nagentos\n/home/agentos\n")
    same((await vm.exec("cat; exit 3", input=b"x" * 10**6)).stdout_bytes, b"x" * 10**6)
    await raises(FileNotFoundError, vm.exec(["no-such-program"]))
    await raises(ExecTimeout, vm.exec("sleep 1000", timeout=0.05))
    results = await asyncio.gather(*(vm.exec(f"exit {n}") for n in range(50)))
    same([result.exit_code for result in results], list(range(50)))


async def files(vm: AgentOs) -> None:
    await vm.mkdir("a/b", parents=True)
    await vm.write_file("a/b/f", "one\n")
    same((await vm.exec("sed -i s/one/two/ a/b/f; stat -c '%u %g' a/b/f")).stdout, "1000 1000\n")
    same(await vm.read_text("a/b/f"), "two\n")
    same((await vm.stat("a/b/f")).uid, 1000)
    await vm.move("a", "/tmp/a")
    await vm.copy("/tmp/a", "c")
    await vm.remove("/tmp/a", recursive=True)
    same(await vm.listdir("c/b"), ["f"])
    await raises(OSError, vm.write_file("/usr/bin/env", ""))
    await vm.symlink("/../../../etc/hostname", "link")
    same(await vm.read_text("link"), "agentos\n")
    written = await vm.write_files({"many/1": "one", "many/below/2": "two", "/usr/3": ""})
    same([result.error is None for result in written], [True, True, False])
    same([r.content for r in await vm.read_files(["many/below/2", "no"])], [b"two", b""])
    same([(e.name, e.stat.uid) for e in await vm.scandir("many")], [("1", 1000), ("below", 1000)])
    await vm.upload("/usr/bin/env", "env")
    same((await vm.exec(["./env", "echo", "up"])).stdout, "up\n")


async def live(vm: AgentOs) -> None:
    async with await vm.spawn(["cat"]) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"line\n")
        same(await process.stdout.readline(), b"line\n")
    same(process.exit_code, 128 + signal.SIGKILL)
    contained = await vm.spawn("setsid sleep 1000 & sleep 1000", contain=True)
    await contained.kill()
    while await vm.processes():
        await asyncio.sleep(0)
    async with await vm.interpreter("python") as python:
        await python.run("import os; uid = os.getuid()")
        same((await python.run("print('on'); uid")).value, 1000)
    async with await vm.terminal("stty size; tty", rows=11, cols=22) as terminal:
        shown = b""
        while chunk := await terminal.read():
            shown += chunk
        same(shown, b"11 22\r\n/dev/pts/0\r\n")


async def isolation(vm: AgentOs) -> None:
    status = (await vm.exec(["cat", "/proc/self/status"])).stdout
    for fact in ("CapEff:\t" + "0" * 16, "CapBnd:\t" + "0" * 16, "Seccomp:\t2"):
        assert fact in status, fact
    assert "NoNewPrivs:\t1" in status or ISOLATION == "gvisor"  # its kernel does not tell
    for attempt in (
        "unshare -Ur true",
        "mount -t tmpfs x /tmp",
        "head -c 1 /proc/1/mem",
        "ls /root",
    ):
        assert (await vm.exec(attempt)).exit_code != 0, attempt
    same((await vm.exec("kill -9 -1; kill -9 1; true")).stdout, "")
    same((await vm.exec("ls /proc/self/fd | wc -l")).stdout, "4\n")
    init = Path(f"/proc/{vm.channel.init_pid}/status").read_text().splitlines()
    (uids,) = (line.split()[1:] for line in init if line.startswith("Uid:"))
    same(uids, [str(os.geteuid())] * 4 if os.geteuid() else uids)
    assert "0" not in uids


async def changes(vm: AgentOs) -> None:
    before = {change.path for change in (await vm.diff()).changes}
    await vm.exec("mkdir d; echo 1 > d/one; echo 2 > d/two; echo 3 > three", check=True)
    (child,) = await vm.fork()
    try:
        script = "rm -r d; mkdir d locked; echo 2 > d/two; rm three; echo x > locked/x"
        await child.exec(f"{script}; echo x > sealed; chmod 0 locked sealed", check=True)
        new = [c for c in (await child.diff()).changes if c.path not in before]
    finally:
        await child.close()
    found = {c.path.removeprefix("home/agentos/"): c.new.unread for c in new if c.new}
    locked = {"locked": "", "sealed": "", "locked/x": ""}
    if os.geteuid():  # the host's user is the machine's, and as locked out
        locked = dict.fromkeys(("locked", "sealed"), "it may not be read")
    same(found, {"d": "", "d/two": "", **locked})


async def network() -> None:
    policy = NetworkPolicy(allow=["api.example.com:443"])
    async with AgentOs(network=policy) as vm:
        same(vm.network.redirects, True)
        same((await vm.exec("getent hosts api.example.com")).exit_code, 0)
        server = "import socket; s = socket.create_server(('0.0.0.0', 443)); s.accept(); s.accept()"
        async with await vm.spawn(["python3", "-c", server]):
            async for event in vm.ports():
                same((event.type, event.port), ("port_opened", 443))
                break
            async with await vm.forward(443) as forward:
                _, writer = await asyncio.open_connection(*forward.address)
                writer.transport.abort()


async def endings() -> None:
    before = set(os.listdir("/proc/self/fd"))
    for _ in range(10):
        async with AgentOs(isolation=ISOLATION) as vm:
            await vm.spawn(["yes"])
            await vm.terminal("yes")
    vm = await AgentOs.create(isolation=ISOLATION)
    waiting = asyncio.ensure_future(vm.exec("sleep 1000"))
    while not await vm.processes():
        await asyncio.sleep(0)
    assert vm.channel.init_pid is not None
    os.kill(vm.channel.init_pid, signal.SIGKILL)
    await raises(MachineError, waiting)
    await vm.close()
    same(set(os.listdir("/proc/self/fd")), before)
    try:
        os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return
    raise AssertionError("a child process is left")


async def tour() -> None:
    async with AgentOs(isolation=ISOLATION) as vm:
        for part in (commands, files, changes, live, isolation):
            await part(vm)
    await network()
    await endings()


if __name__ == "__main__":
    asyncio.run(tour())
    sys.stdout.write(f"seen as user {os.geteuid()}\n")
