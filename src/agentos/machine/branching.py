"""Branches of a machine: others that start with its files."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from agentos.errors import LimitExceeded, MachineError
from agentos.machine.processes import Proc, list_processes, look, thread_states

if TYPE_CHECKING:
    from agentos.machine.isolation.backends import RunningMachine
    from agentos.machine.layers.host_image import Image
    from agentos.machine.machine import AgentOs

#: How many layers a machine may stand on; each fork of an idle machine adds one.
MOST_LAYERS = 150
#: How often to look for processes that still move before giving up.
MOST_ROUNDS = 2000


async def fork(vm: AgentOs, n: int) -> list[AgentOs]:
    """Make `n` machines that start with the files of `vm`."""
    if n < 1:
        raise ValueError(f"a fork makes at least one machine, not {n}")
    machine = vm.running
    if machine.layers >= MOST_LAYERS:
        raise LimitExceeded(
            f"the machine stands on {machine.layers} layers of earlier forks",
            limit="layers",
            hint="fork from the machine that was forked first, or start a new one",
        )
    children = [vm._sibling() for _ in range(n)]
    async with standing_still(vm) as idle:
        try:
            starts = [
                _start(child, vm, machine, vm.image.copy, copy=not idle) for child in children
            ]
            await _all(*starts, *([_go_on_above(vm, machine)] if idle else []))
        except BaseException:
            await _close(children)
            raise
        finally:
            if vm._machine is not machine:
                vm._leave(machine)
                await vm.network.restart()
    return children


async def _all(*works: Coroutine[object, object, None]) -> None:
    """Do all of it at once; a failure is raised after the others have ended."""
    for end in await asyncio.gather(*works, return_exceptions=True):
        if isinstance(end, BaseException):
            raise end


async def _start(
    child: AgentOs, vm: AgentOs, machine: RunningMachine, image: Callable[[], Image], *, copy: bool
) -> None:
    child._mounts = await vm._mounts.branch()
    branch = await machine.branch(copy=copy)
    await child._start_on(image, branch)


async def _go_on_above(vm: AgentOs, machine: RunningMachine) -> None:
    """Give `vm` a fresh writable layer: what it wrote so far belongs to its branches too."""
    vm._machine = await vm._boot(lambda: vm.image, await machine.branch())


async def _close(machines: list[AgentOs]) -> None:
    for machine in machines:
        await machine.close()


@asynccontextmanager
async def standing_still(vm: AgentOs) -> AsyncIterator[bool]:
    """Stop every process of a machine meanwhile; tells whether there was none.

    Raises:
        MachineError: A process could not be stopped in many attempts.
    """
    stopped: set[int] = set()
    try:
        for _ in range(MOST_ROUNDS):
            async with look(vm.commands) as proc:
                running = list_processes(proc)
                moving = [p.pid for p in running if _moves(proc, p.pid, stopped)]
            if not moving:
                break
            for pid in moving:
                await _signal(vm, pid, signal.SIGSTOP)
                stopped.add(pid)
            await asyncio.sleep(0.0005)
        else:
            raise MachineError(
                "the machine's processes do not stand still",
                code="not_still",
                hint="end what keeps starting processes, and try again",
                retryable=True,
            )
        yield not running
    finally:
        for pid in stopped:
            await _signal(vm, pid, signal.SIGCONT)


def _moves(proc: Proc, pid: int, stopped: set[int]) -> bool:
    """Tell whether a process may still write.

    A thread that waits in the kernel with a stop pending does not: it is the parent of a vfork
    whose child is stopped before its exec.
    """
    still = "TtD" if pid in stopped else "Tt"
    return any(state not in still for state in thread_states(proc, pid))


async def _signal(vm: AgentOs, pid: int, number: int) -> None:
    try:
        await vm.signal(pid, number)
    except (ProcessLookupError, MachineError):
        return  # it has ended, and there is nothing to stop or to go on
