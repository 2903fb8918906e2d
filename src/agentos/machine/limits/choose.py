"""How this host can hold a machine to its limits, found out by doing it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from agentos.errors import IsolationUnavailable
from agentos.machine.limits import cgroup_v1, cgroup_v2
from agentos.machine.limits.cgroup import (
    CpuGroup,
    Group,
    MemoryGroup,
    PidsGroup,
    new_name,
    remove,
    sweep,
    try_remove,
)
from agentos.machine.limits.hierarchies import Hierarchy, hierarchies
from agentos.machine.limits.limits import MIB, Limits
from agentos.machine.protocol import INIT_THREADS

REMEDY = (
    "as root, mount the cgroup controllers; as a user of systemd, run your program through: "
    "systemd-run --user --scope -p Delegate=yes COMMAND"
)
#: From here on the kernel counts processes per user namespace, so a machine's are its own.
_NPROC_PER_NAMESPACE = (5, 14)

_First = TypeVar("_First", bound=cgroup_v1.GroupV1)
_Second = TypeVar("_Second", bound=cgroup_v2.GroupV2)
_Value = TypeVar("_Value", int, float)
_Made = TypeVar("_Made", bound=Group)


@dataclass(slots=True)
class Enforcement:
    """The groups made for one machine, and the way of each limit: what `stats()` shows.

    Attributes:
        ways: For each limit `"cgroup v1"`, `"cgroup v2"`, `"rlimit"`, `"tmpfs"`,
            `"watchdog"`, `"timer"` or `"none"`.
    """

    ways: dict[str, str]
    memory: MemoryGroup | None = None
    cpu: CpuGroup | None = None
    pids: PidsGroup | None = None
    groups: list[Group] = field(default_factory=list)

    def attach(self, init: int) -> None:
        """Put a machine's init in, with what it has started; all else comes from them."""
        for group in self.groups:
            try:
                _attach_family(group, init)
            except OSError as error:
                raise IsolationUnavailable(
                    f"cannot put the machine into {group.path}: {error.strerror}",
                    code="limit_unavailable",
                    hint=REMEDY,
                ) from error

    def leave_pids_to_its_own_kernel(self) -> None:
        """Count what the machine's kernel calls processes, not what that kernel is made of."""
        if self.pids is not None:
            self.pids.lift()
            self.pids = None
            self.ways["pids"] = "rlimit"

    async def remove(self) -> None:
        """Remove the groups of a machine that has ended."""
        while self.groups:
            await remove(self.groups.pop().path)


def _attach_family(group: Group, init: int) -> None:
    """Put processes in until each has been, with those that they started meanwhile."""
    attached: set[int] = set()
    while new := _family(init) - attached:
        for pid in new:
            with contextlib.suppress(ProcessLookupError):  # it has ended
                group.attach(pid)
        attached |= new


def _family(pid: int) -> set[int]:
    found = {pid}
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for child in children.read_text(encoding="ascii").split():
                found |= _family(int(child))
    return found


def ways_without_limits(disk: str = "tmpfs") -> dict[str, str]:
    """What is in force for a machine that was given no limits, but perhaps one on files."""
    ways = dict.fromkeys(("memory", "cpus", "pids", "open_files", "wall_time"), "none")
    return {**ways, "disk": disk}


def enforce(limits: Limits) -> Enforcement:
    """Make groups with these limits, and say how the others are enforced.

    Raises:
        IsolationUnavailable: A limit cannot be enforced on this host in any way.
    """
    made = Enforcement(ways_without_limits())
    if limits.open_files is not None:
        made.ways["open_files"] = "rlimit"
    if limits.wall_time is not None:
        made.ways["wall_time"] = "timer"
    try:
        _enforce_with_groups(limits, _Maker(made))
    except BaseException:
        for group in made.groups:
            with contextlib.suppress(FileNotFoundError):
                try_remove(group.path)
        raise
    return made


async def try_each() -> dict[str, str]:
    """Find out in which way memory, CPU and processes are bounded here; `"none"` if in none."""
    ways = {}
    tried = {"memory": Limits(memory=64 * MIB), "cpus": Limits(cpus=1.0), "pids": Limits(pids=64)}
    for name, limits in tried.items():
        try:
            made = enforce(limits)
        except IsolationUnavailable:
            ways[name] = "none"
            continue
        ways[name] = made.ways[name]
        await made.remove()
    return ways


def _enforce_with_groups(limits: Limits, maker: _Maker) -> None:
    made = maker.made
    memory, pids, cpus = limits.memory_bytes, limits.pids, limits.cpus
    if memory is not None:
        made.memory = maker.group("memory", cgroup_v1.Memory, cgroup_v2.Memory)
        if made.memory:
            _set("memory", made.memory.limit, memory)
        made.ways["memory"] = made.memory.way if made.memory else "watchdog"
    if pids is not None:
        made.pids = maker.group("pids", cgroup_v1.Pids, cgroup_v2.Pids)
        if made.pids:
            _set("pids", made.pids.limit, pids + INIT_THREADS)
        elif not _counts_processes_per_namespace():
            raise _unavailable("pids", maker.reasons)
        made.ways["pids"] = made.pids.way if made.pids else "rlimit"
    if cpus is not None:
        made.cpu = maker.group("cpu", cgroup_v1.Cpu, cgroup_v2.Cpu)
        if made.cpu is None:
            raise _unavailable("cpus", maker.reasons)
        _set("cpus", made.cpu.limit, cpus)
        made.ways["cpus"] = made.cpu.way


def _set(limit: str, apply: Callable[[_Value], None], value: _Value) -> None:
    try:
        apply(value)
    except OSError as error:  # such as more CPU than the group of this process has itself
        raise _unavailable(limit, [f"the kernel refused {value}: {error.strerror}"]) from error


def _unavailable(limit: str, reasons: list[str]) -> IsolationUnavailable:
    return IsolationUnavailable(
        f"this host cannot enforce Limits({limit}=): {'; '.join(reasons) or 'no control groups'}",
        code="limit_unavailable",
        hint=REMEDY,
    )


def _counts_processes_per_namespace() -> bool:
    numbers = os.uname().release.split("-")[0].split(".")[:2]
    return tuple(int(word) for word in numbers if word.isdigit()) >= _NPROC_PER_NAMESPACE


class _Maker:
    """Makes one machine's groups, by the same name in each hierarchy."""

    def __init__(self, made: Enforcement) -> None:
        self.made = made
        self.reasons: list[str] = []
        self._name = new_name()
        self._trees = hierarchies()

    def group(
        self, controller: str, first: type[_First], second: type[_Second]
    ) -> _First | _Second | None:
        """Make a group that has this controller, wherever it can be made."""
        for tree in self._trees:
            if tree.version == 1 and controller not in tree.controllers:
                continue
            for base in _bases(tree):
                made = first if tree.version == 1 else second
                try:
                    return self._make(base, controller, made)
                except OSError as error:
                    self.reasons.append(f"{base}: {error.strerror}")
        return None

    def _make(self, base: Path, controller: str, kind: type[_Made]) -> _Made:
        if issubclass(kind, cgroup_v2.GroupV2):
            cgroup_v2.hand_on(base, controller)
        sweep(base)
        group = kind(base / self._name)
        group.path.mkdir(exist_ok=True)
        self.made.groups.append(group)
        return group


def _bases(tree: Hierarchy) -> list[Path]:
    """Below our own group, so that what bounds us bounds our machines.

    Root's group may hold processes and so hand nothing on: then below the top.
    """
    if tree.version == 1:
        return [tree.own]
    own = cgroup_v2.parent_of_new_groups(tree.own)
    return [own, tree.top] if os.geteuid() == 0 and own != tree.top else [own]
