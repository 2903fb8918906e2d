"""Control groups of the second version, played by a directory tree that answers as Linux does."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest

from agentos.errors import IsolationUnavailable
from agentos.machine.limits import choose
from agentos.machine.limits.cgroup import Group
from agentos.machine.limits.hierarchies import Hierarchy
from agentos.machine.limits.limits import Limits

FILES = {
    "cpu": {"cpu.max": "max 100000", "cpu.stat": "usage_usec 5\nthrottled_usec 2500000\n"},
    "memory": {
        "memory.max": "max",
        "memory.swap.max": "max",
        "memory.current": "9000000\n",
        "memory.peak": "12000000\n",
        "memory.stat": "anon 4000000\ninactive_file 1000000\nactive_file 2000000\n",
        "memory.events": "low 0\nhigh 0\nmax 7\noom 3\noom_kill 2\noom_group_kill 0\n",
    },
    "pids": {"pids.max": "max", "pids.events": "max 4\n"},
}


class Kernel:
    """Plays the kernel's side: files appear with a group, and processes forbid handing on."""

    def __init__(self, top: Path) -> None:
        self.top = top
        self.make(top, ["cpu", "memory", "pids"])

    def make(self, path: Path, controllers: list[str]) -> None:
        os.makedirs(path, exist_ok=True)
        files = {"cgroup.controllers": " ".join(controllers), "cgroup.procs": ""}
        files["cgroup.subtree_control"] = ""
        for controller in controllers:
            files |= FILES[controller]
        for name, text in files.items():
            (path / name).write_text(text)

    def mkdir(self, path: Path, exist_ok: bool = False) -> None:
        if path.exists():
            assert exist_ok
            return
        self.make(path, (path.parent / "cgroup.subtree_control").read_text().split())

    def write(self, group: Group, name: str, value: str) -> None:
        file = group.path / name
        if not file.exists():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        if name == "cgroup.procs":
            for other in self.top.rglob("cgroup.procs"):
                left = [pid for pid in other.read_text().split() if pid != value]
                other.write_text("\n".join(left))
            file.write_text("\n".join([*file.read_text().split(), value]))
        elif name == "cgroup.subtree_control":
            if group.path != self.top and (group.path / "cgroup.procs").read_text():
                raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
            controller = value.removeprefix("+")
            file.write_text(f"{file.read_text()} {controller}".strip())
            for child in (path for path in group.path.iterdir() if path.is_dir()):
                for name, text in FILES[controller].items():
                    (child / name).write_text(text)
        else:
            file.write_text(value)


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kernel:
    """A host with the second version only, this process in the group `top/scope`."""
    kernel = Kernel(tmp_path / "top")
    monkeypatch.setattr(Path, "mkdir", lambda path, exist_ok=False: kernel.mkdir(path, exist_ok))
    monkeypatch.setattr(Path, "rmdir", shutil.rmtree)
    monkeypatch.setattr(Group, "write", lambda group, *words: kernel.write(group, *words))
    kernel.write(Group(kernel.top), "cgroup.subtree_control", "+cpu")
    kernel.write(Group(kernel.top), "cgroup.subtree_control", "+memory")
    kernel.write(Group(kernel.top), "cgroup.subtree_control", "+pids")
    scope = kernel.top / "scope"
    kernel.mkdir(scope)
    kernel.write(Group(scope), "cgroup.procs", "4711")
    play(monkeypatch, scope, kernel.top)
    return kernel


def play(monkeypatch: pytest.MonkeyPatch, own: Path, top: Path) -> None:
    tree = Hierarchy(2, frozenset(), own, top)
    monkeypatch.setattr(choose, "hierarchies", lambda: [tree])


def delegate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getxattr", lambda path, name: b"1")


LIMITS = Limits(memory="64M", cpus=1.5, pids=20)


async def test_a_delegated_group_is_arranged_and_used(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    delegate(monkeypatch)
    made = choose.enforce(LIMITS)
    scope = kernel.top / "scope"
    assert {made.ways[limit] for limit in ("memory", "cpus", "pids")} == {"cgroup v2"}
    (path,) = {group.path for group in made.groups}
    assert path.parent == scope
    written = {name: (path / name).read_text() for name in ("memory.max", "cpu.max", "pids.max")}
    assert written == {"memory.max": str(64 << 20), "cpu.max": "150000 100000", "pids.max": "22"}
    assert (path / "memory.swap.max").read_text() == "0"
    assert (scope / "agentos-host" / "cgroup.procs").read_text() == "4711"
    made.attach(815)
    assert (path / "cgroup.procs").read_text() == "815"
    await made.remove()
    assert not path.exists()


def test_the_next_machine_finds_the_group_arranged(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    delegate(monkeypatch)
    choose.enforce(LIMITS)
    play(monkeypatch, kernel.top / "scope" / "agentos-host", kernel.top)
    made = choose.enforce(LIMITS)
    assert {group.path.parent for group in made.groups} == {kernel.top / "scope"}


def test_figures_are_read(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    delegate(monkeypatch)
    made = choose.enforce(LIMITS)
    assert made.memory
    assert made.cpu
    assert made.pids
    assert (made.memory.used(), made.memory.peak(), made.memory.kills()) == (6000000, 12000000, 2)
    assert made.cpu.throttled() == 2.5
    assert made.pids.refusals() == 4


def test_an_older_kernel_has_no_peak(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    delegate(monkeypatch)
    made = choose.enforce(Limits(memory="64M"))
    (made.groups[0].path / "memory.peak").unlink()
    assert made.memory
    assert made.memory.peak() == 9000000


def test_root_in_a_group_that_is_not_its_own_to_arrange_goes_below_the_top(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    made = choose.enforce(LIMITS)
    assert {group.path.parent for group in made.groups} == {kernel.top}
    assert (kernel.top / "scope" / "cgroup.procs").read_text() == "4711"


def test_a_user_without_delegation_has_none(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    made = choose.enforce(Limits(memory="64M", pids=20))
    assert made.groups == []
    assert (made.ways["memory"], made.ways["pids"]) == ("watchdog", "rlimit")
    with pytest.raises(IsolationUnavailable, match="Device or resource busy"):
        choose.enforce(Limits(cpus=1))


def test_a_controller_that_was_not_delegated_is_named(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    delegate(monkeypatch)
    for path in (kernel.top, kernel.top / "scope"):
        (path / "cgroup.controllers").write_text("memory pids")
    with pytest.raises(IsolationUnavailable, match="no such controller here"):
        choose.enforce(LIMITS)
    assert list(kernel.top.rglob("agentos-*-*")) == []
