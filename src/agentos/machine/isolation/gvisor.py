"""Machines whose commands have a kernel of their own: gVisor's, within the namespaces of one.

What the host does with such a machine, it does as with one of namespaces: files, mounts,
network, branches. Only the commands are elsewhere, and so is the init that runs them. Facts, and
what it costs, are in `docs/isolation.md`.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

from agentos.errors import IsolationUnavailable, MachineError
from agentos.machine.channel import BootFailed, Channel, control_pair
from agentos.machine.isolation.branch import Branch
from agentos.machine.isolation.id_map import choose_id_map
from agentos.machine.isolation.namespace import NamespaceMachine
from agentos.machine.isolation.own_kernel import OwnKernelMachine
from agentos.machine.isolation.runsc import INSTALL, configuration, find_runsc
from agentos.machine.isolation.sandbox import Sandbox
from agentos.machine.layers.host_image import Image
from agentos.machine.protocol import Op

_SHOWN = 600  # bytes of runsc's last words


class GvisorMachine(OwnKernelMachine):
    """A running machine of namespaces, and in it the sandbox that its commands run in.

    Use `GvisorMachine.start`.
    """

    is_one_process = True

    @classmethod
    async def start(
        cls,
        find_image: Callable[[], Image],
        *,
        hostname: str = "agentos",
        size: str = "50%",
        binds: tuple[tuple[Path, str], ...] = (),
        branch: Branch | None = None,
        open_files: int | None = None,
        on_lost: Callable[[MachineError], None] | None = None,
    ) -> GvisorMachine:
        """Build a machine and wait until both of its inits serve.

        Args: as of `NamespaceMachine.start`.

        Raises:
            IsolationUnavailable: This host does not permit it, or runsc does not work on it.
        """
        image = find_image()
        branch = branch or Branch(image.ids or choose_id_map())
        host_end, sandbox_end = control_pair()
        commands = Channel(host_end, hands_out=False)
        with os.fdopen(os.memfd_create("runsc"), "r+b") as said:
            try:
                sandbox = _sandbox(hostname, sandbox_end, said.fileno())
            except BaseException:
                branch.close()
                commands.lose("its sandbox cannot be started")
                raise
            finally:
                sandbox_end.close()

            def on_end(error: MachineError) -> None:
                commands.lose(error)
                if on_lost:
                    on_lost(error)

            outside = await NamespaceMachine.start(
                lambda: image,
                hostname=hostname,
                size=size,
                binds=binds,
                branch=branch,
                open_files=open_files,
                on_lost=on_end,
                sandbox=sandbox,
            )
            machine = cls(outside, commands)
            try:
                await machine._booted(open_files)
            except MachineError as error:
                await machine.close()
                said.seek(0)
                raise _explain(error, said.read()) from error
            except BaseException:
                await machine.close()
                raise
        return machine

    async def _booted(self, open_files: int | None) -> None:
        """Wait for the init inside; neither of the two outlives the other."""
        self.commands.explain = lambda: self.channel.explain()
        self.commands.on_lost = self.channel.lose
        await self.commands.booted()
        if open_files is not None:
            await self.commands.call(Op.BOUND, [], (0, open_files, 0, 0), "open files")

    async def close(self) -> None:
        """End the machine with its sandbox and wait until none of its processes is left."""
        await self._outside.close()
        self.commands.lose(self.channel.lost or "the machine was closed")


def _sandbox(hostname: str, end: socket.socket, messages: int) -> Sandbox:
    program = os.open(find_runsc(), os.O_RDONLY | os.O_CLOEXEC)
    return Sandbox(configuration(hostname), os.dup(end.fileno()), program, os.dup(messages))


def _explain(error: MachineError, said: bytes) -> IsolationUnavailable:
    """Say what runsc said last, which is a line of a Go program's log."""
    step = f"{error.step}: {os.strerror(error.errno)}" if isinstance(error, BootFailed) else ""
    words = step or said[-_SHOWN:].decode(errors="replace").strip() or error.message
    return IsolationUnavailable(
        f"gVisor's sandbox does not start: {words}",
        code="gvisor_failed",
        hint=f"a runsc of 2024 or later is needed: {INSTALL}",
    )
