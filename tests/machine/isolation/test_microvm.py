"""Machines of kind `microvm`: what is around the guest, with a played monitor and the real one."""

from __future__ import annotations

import asyncio
import functools
import importlib.metadata
import importlib.util
import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Footprint, children_of

from agentos.config import data_dir
from agentos.errors import IsolationUnavailable, LimitExceeded, MachineError
from agentos.machine.isolation import backends, kvm_probe, microvm
from agentos.machine.isolation.kvm_probe import KvmFinding
from agentos.machine.isolation.microsandbox import Monitor, find_monitor
from agentos.machine.isolation.microvm import MicrovmMachine
from agentos.machine.layers.store import LayerStore
from agentos.machine.limits.limits import Limits
from agentos.machine.machine import AgentOs
from agentos.machine.mounts import Mount
from agentos.machine.network import NetworkPolicy

HINT = "pip install 'agentos-vm[microvm]'"


async def room_of(vm: AgentOs) -> dict[str, Any]:
    """What the played monitor saw around it."""
    found: dict[str, Any] = json.loads(await vm.read_file("/tmp/room.json"))
    return found


def lines_left() -> list[Path]:
    return list(data_dir().glob(".line-*"))


# ---- whether it is there ----


async def test_without_microsandbox_it_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kvm_probe, "_works", KvmFinding("kvm_works", "as if it did", 1e-9))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(IsolationUnavailable) as caught:
        await backends.choose("microvm")
    assert (caught.value.code, caught.value.hint) == ("microvm_missing", HINT)


async def test_another_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "0.6.0")
    with pytest.raises(IsolationUnavailable, match=r"0\.6\.0 is installed, and 0\.7\.11") as caught:
        find_monitor()
    assert (caught.value.code, caught.value.hint) == ("microvm_missing", HINT)


async def test_a_slow_kvm_is_refused_with_its_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    finding = kvm_probe.judge({"iterations": 1000, "seconds": 595e-6})

    async def probe() -> KvmFinding:
        return finding

    monkeypatch.setattr(kvm_probe, "probe_kvm", probe)
    monkeypatch.setattr(kvm_probe, "_works", None)
    with pytest.raises(IsolationUnavailable, match=r"595\.0 ns") as caught:
        async with AgentOs(isolation="microvm"):
            pass
    assert caught.value.code == "kvm_too_slow"
    assert caught.value.hint


# ---- around the guest ----


async def test_the_monitor_sees_no_more_than_it_needs(microvm: AgentOs) -> None:
    room = await room_of(microvm)
    assert (room["capabilities"], room["seccomp"]) == ("0" * 16, "2")
    assert {"home", "tmp", "usr", "var"} <= set(room["root"])
    assert (room["proc"], room["dev"]) == ([], [])  # a guest may ask for any path below its root
    assert room["kvm"]
    assert room["home_is_ours"]
    for process in await microvm.processes():
        assert "msb" not in process.command[0]


async def test_host_and_guest_see_the_same_files(microvm: AgentOs, tmp_path: Path) -> None:
    await microvm.write_file("note", "from the host\n")
    seen = await microvm.exec("cat note; echo from the guest > reply; ls -n reply")
    assert seen.stdout.startswith("from the host\n-rw-r--r-- 1 1000 1000 15 ")
    assert await microvm.read_text("reply") == "from the guest\n"
    assert "reply" in str(await microvm.diff())


async def test_mounts_reach_the_guests_root(played: None, tmp_path: Path) -> None:
    """Those of the start and later ones: the monitor serves them, as it serves all of the root."""
    (tmp_path / "file").write_text("shared\n")
    tmp_path.chmod(0o755)
    async with AgentOs(isolation="microvm", mounts=[Mount.host(tmp_path, "/first")]) as vm:
        monitor = await _monitor_of(vm)
        await vm.mount(Mount.host(tmp_path, "/later"))
        for place in ("/first/file", "/later/file"):
            assert (await vm.exec(["cat", place])).stdout == "shared\n"
            assert Path(f"/proc/{monitor}/root/run/guest{place}").read_text() == "shared\n"
        await vm.unmount("/later")
        assert not Path(f"/proc/{monitor}/root/run/guest/later/file").exists()


async def _monitor_of(vm: AgentOs) -> int:
    """The host's id of what runs in the room: the only child of the machine's init."""
    assert vm.channel.init_pid is not None
    (monitor,) = children_of(vm.channel.init_pid)
    return monitor


async def test_limits_hold_for_the_guest(played: None) -> None:
    async with AgentOs(isolation="microvm", limits=Limits(disk="64M", open_files=99)) as vm:
        assert (await vm.exec("ulimit -n")).stdout == "99\n"
        full = await vm.exec("head -c 100000000 /dev/zero > big")
        assert full.exit_code
        assert "No space left" in full.stderr


async def test_the_guest_is_in_the_machines_control_groups(played: None) -> None:
    async with AgentOs(isolation="microvm", limits=Limits(memory="256M")) as vm:
        init, monitor = vm.channel.init_pid, await _monitor_of(vm)
        groups = [Path(f"/proc/{pid}/cgroup").read_text() for pid in (init, monitor, "self")]
        assert groups[0] == groups[1]
        if (await vm.stats()).enforced["memory"].startswith("cgroup"):
            assert groups[1] != groups[2]


async def test_processes_are_bounded_where_they_are_counted(played: None) -> None:
    async with AgentOs(isolation="microvm", limits=Limits(pids=12)) as vm:
        started = [vm.spawn(["sleep", "1000"]) for _ in range(20)]
        with pytest.raises(LimitExceeded) as caught:
            await asyncio.gather(*started)
        assert caught.value.limit == "pids"
        stats = await vm.stats()
        assert stats.enforced["pids"] == "rlimit"
        assert 1 < stats.pids <= 12


async def test_the_guests_connections_arrive_at_the_gateway(played: None) -> None:
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"reached\n")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        name = f"host.agentos.internal:{server.sockets[0].getsockname()[1]}"
        async with AgentOs(isolation="microvm", network=NetworkPolicy(allow=[name])) as vm:
            got = await vm.exec(["bash", "-c", f"cat < /dev/tcp/{name.replace(':', '/')}"])
            assert got.stdout == "reached\n"


async def test_a_fork_has_a_guest_of_its_own(microvm: AgentOs) -> None:
    await microvm.write_file("shared", "before")
    sleeper = await microvm.spawn(["sleep", "1000"])
    (child,) = await microvm.fork()
    async with child:
        assert child.isolation == "microvm"
        await child.exec("echo after > shared", check=True)
        assert await child.processes() == []
    assert [p.pid for p in await microvm.processes()] == [sleeper.pid]
    assert (await microvm.exec(["cat", "shared"])).stdout == "before"
    await sleeper.kill()
    await sleeper.wait()


async def test_a_snapshot_holds_what_the_guest_wrote(microvm: AgentOs) -> None:
    await microvm.exec("echo kept > kept", check=True)
    name = f"of-a-guest-{os.getpid()}"
    snapshot = await microvm.snapshot(name)
    async with AgentOs(image=snapshot) as plain:
        assert await plain.read_text("kept") == "kept\n"
    LayerStore().remove(name)


# ---- its end ----


async def test_nothing_is_left(played: None) -> None:
    await asyncio.sleep(0)
    before = Footprint.now()
    async with AgentOs(isolation="microvm") as vm:
        await vm.spawn(["sleep", "1000"])
    assert vm.closed
    assert Footprint.now().grown_since(before) == []
    assert lines_left() == []


@pytest.mark.parametrize("victim", ["monitor", "init"])
async def test_guest_and_machine_end_together(played: None, victim: str) -> None:
    async with AgentOs(isolation="microvm") as vm:
        waiting = asyncio.ensure_future(vm.exec(["sleep", "1000"]))
        while not await vm.processes():
            await asyncio.sleep(0)
        monitor, init = await _monitor_of(vm), vm.channel.init_pid
        assert init is not None
        os.kill(monitor if victim == "monitor" else init, signal.SIGKILL)
        with pytest.raises(MachineError):
            await waiting
        with pytest.raises(MachineError):
            await vm.read_file("/etc/passwd")
        assert vm.closed


@pytest.mark.parametrize(
    ("name", "words"), [("unbootable", "KVM_EXIT_INTERNAL"), ("brittle", "kernel panicked")]
)
async def test_a_guest_that_does_not_boot_says_why(played: None, name: str, words: str) -> None:
    await asyncio.sleep(0)
    before = Footprint.now()
    with pytest.raises(IsolationUnavailable, match=f"ended with 1: .*{words}") as caught:
        async with AgentOs(isolation="microvm", name=name):
            pass
    assert caught.value.code == "microvm_failed"
    assert Footprint.now().grown_since(before) == []
    assert lines_left() == []


async def test_a_guest_that_never_serves_is_given_up(
    played: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(microvm, "PATIENCE", 0.5)
    monkeypatch.setattr(microvm, "_LAST_WORDS", 0.1)
    before = Footprint.now()
    with pytest.raises(IsolationUnavailable, match="did not serve within") as caught:
        async with AgentOs(isolation="microvm", name="silent"):
            pass
    assert caught.value.code == "microvm_failed"
    assert not [n for n in Footprint.now().grown_since(before) if n.startswith("child")]


async def test_a_start_may_be_cancelled(played: None) -> None:
    await asyncio.sleep(0)
    before = Footprint.now()
    starting = asyncio.ensure_future(AgentOs.create(isolation="microvm", name="silent"))
    while not lines_left():
        await asyncio.sleep(0)
    for _ in range(20):
        await asyncio.sleep(0)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert Footprint.now().grown_since(before) == []
    assert lines_left() == []


# ---- the real monitor ----


def test_the_real_monitor_knows_our_words() -> None:
    """Its command line changes from release to release, which is why it is pinned."""
    monitor = find_monitor()
    words = monitor.command("agentos")
    shown = subprocess.run(
        [monitor.directory / "bin" / "msb", words[1], "--help"], capture_output=True, text=True
    )
    options = [word for word in words[: words.index("--")] if word.startswith("--")]
    known = set(shown.stdout.split())
    assert options
    assert [option for option in options if option not in known] == []


async def test_the_real_monitor_runs_in_its_room_up_to_kvm(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a device that is not KVM it gets as far as asking for KVM's version, and no further."""

    async def choose() -> backends.Backend:
        return functools.partial(MicrovmMachine.start, find_monitor())

    monkeypatch.setattr(microvm, "DEVICE", "/dev/null")
    monkeypatch.setitem(backends._CHOICES, "microvm", choose)
    with pytest.raises(IsolationUnavailable, match="KvmApiVersion") as caught:
        async with AgentOs(isolation="microvm"):
            pass
    assert caught.value.code == "microvm_failed"


async def test_a_monitor_that_is_no_program(played: None, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    tmp_path.chmod(0o755)
    machine = functools.partial(MicrovmMachine.start, Monitor(tmp_path))
    vm = AgentOs(isolation="microvm")
    vm._backend = machine
    with pytest.raises(FileNotFoundError, match="msb"):
        await vm.start()
    assert lines_left() == []
