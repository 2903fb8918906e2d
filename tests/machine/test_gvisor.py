"""What a machine with a kernel of its own adds, and what must hold across the two kernels."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.conftest import children_of, require_runsc

from agentos.errors import IsolationUnavailable, LimitExceeded, MachineError
from agentos.machine.limits.limits import Limits, LimitWarning
from agentos.machine.machine import AgentOs
from agentos.machine.mounts import Mount
from agentos.machine.network import NetworkPolicy

if TYPE_CHECKING:
    from tests.conftest import Footprint

ISOLATIONS = ("gvisor",)


@pytest.fixture(autouse=True)
def _nothing_is_left(footprint: Footprint) -> Iterator[None]:
    require_runsc()
    yield
    now = type(footprint).now()
    assert now.children - footprint.children == set()
    assert now.descriptors.keys() <= footprint.descriptors.keys()


def family(pid: int) -> dict[int, str]:
    """The names of a process and of all that it started, as the host sees them."""
    found = {pid: Path(f"/proc/{pid}/cmdline").read_text().split("\0")[0]}
    for child in children_of(pid):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            found |= family(child)
    return found


async def test_its_kernel_is_not_the_hosts(vm: AgentOs) -> None:
    assert (await vm.exec(["uname", "-r"])).stdout.strip() != os.uname().release
    assert (await vm.exec("hostname; id -u; pwd")).stdout == "agentos\n1000\n/home/agentos\n"


async def test_its_process_is_nobody_on_the_host(vm: AgentOs) -> None:
    assert vm.channel.init_pid
    for pid, name in family(vm.channel.init_pid).items():
        status = Path(f"/proc/{pid}/status").read_text()
        uids = next(line.split()[1:] for line in status.splitlines() if line.startswith("Uid:"))
        assert set(uids) == {str(vm.running.ids.user[0])}, name


async def test_both_kernels_see_the_same_files(vm: AgentOs) -> None:
    for number in range(3):  # what one has looked at, the other changes
        await vm.write_file("f", f"host {number}\n")
        assert (await vm.exec(["cat", "f"])).stdout == f"host {number}\n"
        await vm.exec(f"echo machine {number} > f; ln -sf f link; mkdir d{number}", check=True)
        assert await vm.read_text("link") == f"machine {number}\n"
        await vm.move("f", "g")
        assert (await vm.exec("ls f g; rm g")).stdout == "g\n"
    assert await vm.listdir(".") == ["d0", "d1", "d2", "link"]
    assert (await vm.exec("touch /tmp/t /dev/shm/s")).exit_code == 0
    assert await vm.exists("/tmp/t")
    assert await vm.exists("/dev/shm/s")


async def test_processes_are_those_of_its_own_kernel(vm: AgentOs) -> None:
    async with await vm.spawn("sleep 1000 & exec sleep 1001") as process:
        commands = [("sleep", "1000"), ("sleep", "1001")]
        running = await vm.processes()
        while sorted(p.command for p in running) != commands:
            running = await vm.processes()
        (other,) = (p for p in running if p.pid != process.pid)
        assert (other.ppid, other.sid) == (process.pid, process.pid)
        assert (await vm.stats()).pids == 2
        await vm.signal(other.pid, signal.SIGTERM)
        with pytest.raises(PermissionError):
            await vm.signal(1, signal.SIGKILL)
    while await vm.processes():
        await asyncio.sleep(0)


async def test_commands_cannot_end_its_init(vm: AgentOs) -> None:
    assert (await vm.exec("kill -9 1; kill -9 -1; echo on")).stdout == "on\n"
    assert (await vm.exec("echo still here")).stdout == "still here\n"


async def test_root_inside(vm: AgentOs) -> None:
    if not vm.running.ids.has_root:
        pytest.skip("one id is no root")
    await vm.exec("mkdir /srv && echo 1 > /srv/f && chown 33:33 /srv/f", user="root", check=True)
    assert (await vm.exec("id -u", user="root")).stdout == "0\n"
    status = await vm.stat("/srv/f")
    assert (status.uid, status.gid) == (33, 33)
    assert (await vm.exec("echo 2 > /srv/f")).exit_code != 0
    assert (await vm.exec("mount -t tmpfs none /mnt", user="root")).exit_code != 0


async def test_root_inside_changes_no_file_of_the_host(vm: AgentOs) -> None:
    if not vm.running.ids.has_root:
        pytest.skip("one id is no root")
    before = Path("/usr/bin/env").stat()
    await vm.exec("chown 1000 /usr/bin/env; chmod 4777 /usr/bin/env", user="root")
    assert (await vm.exec("rm /usr/bin/env", user="root")).exit_code != 0
    assert (await vm.exec("echo x >> /usr/bin/env", user="root")).exit_code != 0
    assert Path("/usr/bin/env").stat().st_ctime_ns == before.st_ctime_ns
    status = await vm.stat("/usr/bin/env")
    assert (status.mode, status.size) == (before.st_mode, before.st_size)


async def test_mounts_come_and_go_while_it_runs(vm: AgentOs, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "f").write_text("of the host\n")
    await vm.mount(Mount.host(tmp_path, "/data"))
    assert (await vm.exec("cat /data/f")).stdout == "of the host\n"
    assert (await vm.exec("echo x > /data/f")).exit_code != 0
    await vm.unmount("/data", force=True)
    assert (await vm.exec("ls /data")).exit_code != 0
    await vm.mount(Mount.tmpfs("/memory", size=2**20))
    await vm.exec("echo kept > /memory/f", check=True)
    assert await vm.read_text("/memory/f") == "kept\n"


async def test_a_mount_is_busy_only_while_somebody_uses_it(vm: AgentOs, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "f").write_text("of the host\n")
    for _ in range(2):
        await vm.mount(Mount.host(tmp_path, "/data"))
        assert (await vm.exec("cat /data/d/f; ls -l /data/d > list; cd /data/d")).exit_code == 0
        async with await vm.spawn("exec tail -f /data/d/f") as reader:
            assert reader.stdout is not None
            assert await reader.stdout.readline() == b"of the host\n"
            with pytest.raises(OSError, match="in use") as caught:
                await vm.unmount("/data")
            assert caught.value.errno == errno.EBUSY
        await vm.unmount("/data")
        assert (await vm.exec("ls /data")).exit_code != 0


async def test_what_it_writes_to_the_host_is_its_owners(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    owner = (4242, 4242) if os.geteuid() == 0 else (os.geteuid(), os.getegid())
    shared = tmp_path / "shared"
    shared.mkdir()
    if os.geteuid() == 0:
        os.chown(shared, *owner)
    mounts = [Mount.host(shared, "/shared", read_only=False)]
    async with AgentOs(isolation="gvisor", mounts=mounts) as vm:
        await vm.exec("echo x > /shared/f; stat -c %u /shared/f > /shared/uid", check=True)
    assert ((shared / "f").stat().st_uid, (shared / "f").stat().st_gid) == owner
    assert (shared / "uid").read_text() == "1000\n"


async def test_forks_have_its_files_and_a_kernel_each(vm: AgentOs) -> None:
    await vm.exec("mkdir d; echo 1 > d/one; rm -f d/none", check=True)
    idle, second = await vm.fork(2)
    async with idle, second:
        for child in (idle, second):
            assert (await child.exec("cat d/one; echo 2 > d/one; uname -r")).stdout[:2] == "1\n"
        assert await vm.read_text("d/one") == "1\n"
    async with await vm.spawn("while :; do sleep 0.01; echo x >> log; done"):
        while not await vm.exists("log"):
            await asyncio.sleep(0)
        (busy,) = await vm.fork()
        async with busy:
            size = (await busy.stat("log")).size
            assert size >= 2
            assert await busy.processes() == []
        while (await vm.stat("log")).size <= size:  # it goes on here
            await asyncio.sleep(0)


async def test_limits_of_its_own_kernel() -> None:
    warned: list[LimitWarning] = []
    limits = Limits(pids=8, open_files=40, disk="2M")
    async with AgentOs(isolation="gvisor", limits=limits, on_warning=warned.append) as vm:
        assert (await vm.exec("ulimit -n")).stdout == "40\n"
        assert "No space left" in (await vm.exec("head -c 5M /dev/zero > filler")).stderr
        with pytest.raises(LimitExceeded) as caught:
            await vm.exec("i=0; while [ $i -lt 50 ]; do sleep 1000 & i=$((i+1)); done")
        assert caught.value.limit == "pids"
        assert (await vm.stats()).enforced["pids"] == "rlimit"
        assert 1 < (await vm.stats()).pids <= 8
        while "pids" not in {warning.limit for warning in warned}:
            await asyncio.sleep(0.01)
        for process in await vm.processes():
            await vm.signal(process.pid, signal.SIGKILL)
        while await vm.processes():
            await asyncio.sleep(0)
        assert (await vm.exec("echo room")).stdout == "room\n"


@pytest.mark.parametrize("groups", ["with control groups", "without"])
async def test_a_memory_bomb_ends_and_the_machine_goes_on(
    groups: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if groups == "without":
        monkeypatch.setattr("agentos.machine.limits.choose.hierarchies", list)
    bomb = ["python3", "-c", "held = b'x' * (1 << 30)"]
    async with AgentOs(isolation="gvisor", limits=Limits(memory="256M")) as vm:
        bystander = await vm.spawn(["sleep", "1000"])
        for _ in range(3):
            with pytest.raises(LimitExceeded) as caught:
                await vm.exec(bomb)
            assert caught.value.limit == "memory"
            assert (await vm.exec("echo goes on")).stdout == "goes on\n"
        assert bystander.pid in {each.pid for each in await vm.processes()}
        stats = await vm.stats()
        if stats.enforced["memory"] != "watchdog":
            assert stats.memory_peak <= 256 * 2**20


async def test_its_network_is_the_gateways() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"reached\n")
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        allowed = NetworkPolicy(allow=[f"host.agentos.internal:{port}"])
        async with AgentOs(isolation="gvisor", network=allowed) as vm:
            path = f"/dev/tcp/host.agentos.internal/{port}"
            assert (await vm.exec(["bash", "-c", f"cat < {path}"])).stdout == "reached\n"
            assert (await vm.exec(["getent", "ahosts", "denied.example"])).exit_code != 0
            direct = f"exec 3<>/dev/tcp/127.0.0.1/{port}"
            assert (await vm.exec(["bash", "-c", direct])).exit_code != 0


async def test_the_end_of_its_sandbox_ends_it(vm: AgentOs) -> None:
    waiting = asyncio.ensure_future(vm.exec("sleep 1000"))
    while not await vm.processes():
        await asyncio.sleep(0)
    assert vm.channel.init_pid
    sandbox = [p for p, name in family(vm.channel.init_pid).items() if name == "runsc-sandbox"]
    os.kill(sandbox[0], signal.SIGKILL)
    with pytest.raises(MachineError, match="ended"):
        await waiting
    with pytest.raises(MachineError):
        await vm.read_file("/etc/hostname")
    assert vm.closed


async def test_starts_that_are_cancelled() -> None:
    for share in range(1, 6):
        starting = asyncio.wait_for(AgentOs.create(isolation="gvisor"), 0.03 * share)
        (ended,) = await asyncio.gather(starting, return_exceptions=True)
        if isinstance(ended, AgentOs):
            await ended.close()


def test_the_death_of_the_host_process_leaves_nothing() -> None:
    program = (
        "import asyncio, sys\nfrom agentos import AgentOs\n"
        "async def main():\n"
        "    vm = await AgentOs.create(isolation='gvisor')\n"
        "    await vm.spawn(['sleep', '1000'])\n"
        "    print(vm.channel.init_pid, flush=True)\n"
        "    await asyncio.sleep(1000)\n"
        "asyncio.run(main())\n"
    )
    host = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert host.stdout
    with host, host.stdout:
        pids = family(int(host.stdout.readline()))
        handles = [os.pidfd_open(pid) for pid in pids]
        host.kill()
    assert "runsc-sandbox" in pids.values()
    for handle in handles:
        assert select.select([handle], [], [], 30)[0] == [handle]
        os.close(handle)


async def test_without_runsc_it_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENTOS_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(IsolationUnavailable) as caught:
        await AgentOs.create(isolation="gvisor")
    assert caught.value.code == "gvisor_missing"
    assert caught.value.hint == "agentos software install runsc"


async def test_a_runsc_that_does_not_work_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "runsc"
    program.write_text("#!/bin/sh\necho it is too old >&2\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setenv("AGENTOS_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    with pytest.raises(IsolationUnavailable) as caught:
        await AgentOs.create(isolation="gvisor")
    assert caught.value.code == "gvisor_failed"
