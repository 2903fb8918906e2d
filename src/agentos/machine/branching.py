"""Branches of a machine: others that start with its files."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from agentos.errors import LimitExceeded, MachineError
from agentos.machine.files import MachineNotStarted

if TYPE_CHECKING:
    from agentos.machine.isolation.namespace import NamespaceMachine
    from agentos.machine.layers.host_image import Image
    from agentos.machine.machine import AgentOs

#: How many layers a machine may stand on; each fork of an idle machine adds one.
MOST_LAYERS = 150


async def fork(vm: AgentOs, n: int) -> list[AgentOs]:
    """Make `n` machines that start with the files of `vm`."""
    if n < 1:
        raise ValueError(f"a fork makes at least one machine, not {n}")
    machine, image = _running(vm)
    if machine.layers >= MOST_LAYERS:
        raise LimitExceeded(
            f"the machine stands on {machine.layers} layers of earlier forks",
            limit="layers",
            hint="fork from the machine that was forked first, or start a new one",
        )
    async with _standing_still(vm) as idle:
        children = await _children(vm, machine, image, n, copy=not idle)
        if idle:
            try:
                await _go_on_above(vm, machine)
            except BaseException:
                await _close(children)
                raise
    return children


def _running(vm: AgentOs) -> tuple[NamespaceMachine, Image]:
    if vm._machine is None:
        raise MachineNotStarted
    if vm._image is None:
        raise vm.channel.lost or MachineError("the machine was closed", code="machine_ended")
    return vm._machine, vm._image


async def _children(
    vm: AgentOs, machine: NamespaceMachine, image: Image, n: int, *, copy: bool
) -> list[AgentOs]:
    children = [vm._sibling() for _ in range(n)]
    started: list[AgentOs] = []
    try:
        for child in children:
            branch = await machine.branch(copy=copy)
            lock = os.dup(image.lock)  # the same lock: it is released with the last of them
            await child._start_on(dataclasses.replace(image, lock=lock), branch)
            started.append(child)
    except BaseException:
        await _close(started)
        raise
    return children


async def _go_on_above(vm: AgentOs, machine: NamespaceMachine) -> None:
    """Give `vm` a fresh writable layer: what it wrote so far belongs to its branches too."""
    vm._machine = await vm._boot(await machine.branch())
    machine.channel.on_lost = None
    await machine.close()
    await vm.network.restart()


async def _close(machines: list[AgentOs]) -> None:
    for machine in machines:
        await machine.close()


@asynccontextmanager
async def _standing_still(vm: AgentOs) -> AsyncIterator[bool]:
    """Stop every process of the machine meanwhile; tells whether there was none."""
    stopped: set[int] = set()
    try:
        while moving := [p.pid for p in await vm.processes() if p.state not in "TtZ"]:
            for pid in moving:
                await _signal(vm, pid, signal.SIGSTOP)
                stopped.add(pid)
            await asyncio.sleep(0)
        yield not await vm.processes()
    finally:
        for pid in stopped:
            await _signal(vm, pid, signal.SIGCONT)


async def _signal(vm: AgentOs, pid: int, number: int) -> None:
    try:
        await vm.signal(pid, number)
    except (ProcessLookupError, MachineError):
        return  # it has ended, and there is nothing to stop or to go on
