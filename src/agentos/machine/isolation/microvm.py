"""Machines whose commands run in a virtual machine, by libkrun through `microsandbox`.

The files, mounts, limits and network of such a machine are those of a `NamespaceMachine`. In it
runs no command but the monitor, `msb` of microsandbox, in a room of its own
(`native/monitor.c`): it boots a guest that gets the machine's root by virtiofs, for its own. So the
host and the guest see the same files, all that the guest uses counts as the machine's, its
connections arrive at the machine's listeners, and who breaks out of the guest is in a namespace
machine still. In the guest runs our own init, reached by vsock, and a `StreamBridge` gives it the
channel of any machine.

microsandbox's own API (its Python SDK, or `msb exec`) is not used for commands: it has no process
ids, resource usage, sessions to kill or contained families, so what a command is would depend on
where it runs. Its program is used as a monitor, by its command line.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from agentos.config import data_dir
from agentos.errors import IsolationUnavailable, MachineError
from agentos.machine.isolation.branch import Branch
from agentos.machine.isolation.id_map import IdMap, choose_id_map
from agentos.machine.isolation.kvm_probe import DEVICE
from agentos.machine.isolation.microsandbox import PLACE, Monitor
from agentos.machine.isolation.namespace import LAUNCHER, NamespaceMachine
from agentos.machine.isolation.own_kernel import OwnKernelMachine
from agentos.machine.launch import Launch
from agentos.machine.layers.host_image import Image
from agentos.machine.process import Process
from agentos.machine.protocol import ExecFlag
from agentos.machine.spawning import spawn
from agentos.machine.stream import StreamBridge

#: Seconds until a guest serves, from when its monitor starts. Some hundredths are usual.
PATIENCE = 60.0

_TAIL = 4096
_LAST_WORDS = 2.0


class MicrovmMachine(OwnKernelMachine):
    """A running machine with a virtual machine for its commands.

    Use `MicrovmMachine.start`; `close` ends the virtual machine with the machine around it.
    """

    def __init__(self, outside: NamespaceMachine, bridge: StreamBridge) -> None:
        super().__init__(outside, bridge.channel)
        self._bridge = bridge
        self._listening: asyncio.Task[None] | None = None

    @classmethod
    async def start(
        cls,
        monitor: Monitor,
        find_image: Callable[[], Image],
        *,
        hostname: str = "agentos",
        size: str = "50%",
        binds: tuple[tuple[Path, str], ...] = (),
        branch: Branch | None = None,
        open_files: int | None = None,
        on_lost: Callable[[MachineError], None] | None = None,
    ) -> MicrovmMachine:
        """Build a machine, boot a guest in it and wait until the guest's init serves.

        Args:
            monitor: What boots it; the other arguments are those of `NamespaceMachine.start`.

        Raises:
            IsolationUnavailable: This host does not permit it, or the guest did not boot.
        """
        image = find_image()
        branch = branch or Branch(image.ids or choose_id_map())
        with contextlib.ExitStack() as place:
            try:
                directory = place.enter_context(_line_directory(branch.ids))
                line = place.enter_context(_listen(directory / "socket", branch.ids))
                kvm = _device(directory, branch.ids)
            except BaseException:
                branch.close()
                raise
            outside = await NamespaceMachine.start(
                lambda: image,
                hostname=hostname,
                size=size,
                binds=(
                    *binds,
                    (monitor.directory, f"{PLACE}/monitor"),
                    (LAUNCHER.parent, f"{PLACE}/init"),
                    (directory, f"{PLACE}/line"),
                ),
                branch=branch,
                kvm=kvm,
            )
            machine = cls(outside, StreamBridge())
            try:
                await machine._boot(monitor.command(hostname, open_files), line)
                machine._end_together(on_lost)
            except BaseException:
                await machine.close()
                raise
        return machine

    def _end_together(self, on_lost: Callable[[MachineError], None] | None) -> None:
        """Neither of the two goes on without the other."""

        def lost(error: MachineError) -> None:
            self._bridge.close()
            if on_lost is not None:
                on_lost(error)

        self.channel.on_lost = lost
        self.commands.on_lost = self.channel.lose

    async def _boot(self, command: list[str], line: socket.socket) -> None:
        launch = Launch(
            [os.fsencode(word) for word in command],
            b"/",
            {"PATH": "/usr/bin:/bin", "HOME": "/run/monitor", "MSB_HOME": "/run/monitor"},
            ExecFlag.MONITOR,
        )
        running = await spawn(
            self.channel, launch, stdin="null", stdout="null", stderr="pipe", limit=_TAIL
        )
        complaint = bytearray()
        self._listening = asyncio.ensure_future(_keep_tail(running, complaint))
        serving = asyncio.ensure_future(self._connect(line))
        ended = asyncio.ensure_future(running.wait())
        try:
            await asyncio.wait(
                {serving, ended}, timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED
            )
            if not serving.done() or serving.exception():
                await _told(ended, self._listening)
                if self.channel.lost:
                    raise self.channel.lost
                raise _not_booted(running.exit_code, bytes(complaint))
        finally:
            await _leave(serving, ended)

    async def _connect(self, line: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        guest, _ = await loop.sock_accept(line)
        await loop.create_connection(lambda: self._bridge, sock=guest)
        await self.commands.booted()

    async def close(self) -> None:
        """End the machine and wait until none of its processes is left."""
        self.commands.on_lost = None
        self._bridge.close()
        try:
            await self._outside.close()
        finally:
            if self._listening is not None:
                await _leave(self._listening)


async def _keep_tail(running: Process, tail: bytearray) -> None:
    """Read what a monitor complains of to the end, and keep the last of it."""
    assert running.stderr is not None
    try:
        while data := await running.stderr.read(_TAIL):
            tail += data
            del tail[:-_TAIL]
    finally:
        running.close()


async def _told(ended: asyncio.Future[int], listening: asyncio.Task[None]) -> None:
    """Wait for the last words of a monitor that has ended, or is about to."""
    waited: set[asyncio.Future[Any]] = {ended, listening}
    await asyncio.wait(waited, timeout=_LAST_WORDS)


async def _leave(*tasks: asyncio.Future[None] | asyncio.Future[int]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _not_booted(exit_code: int | None, complaint: bytes) -> IsolationUnavailable:
    ended = f"ended with {exit_code}"
    what = f"did not serve within {PATIENCE:g} s" if exit_code is None else ended
    words = " ".join(complaint.decode(errors="replace").split())
    return IsolationUnavailable(
        f"the virtual machine did not boot: its monitor {what}" + (f": {words}" if words else ""),
        code="microvm_failed",
        hint="`msb doctor` examines the host; `agentos doctor` times its KVM",
    )


# ---- what the monitor finds in the machine, as its user ----


@contextlib.contextmanager
def _line_directory(ids: IdMap) -> Iterator[Path]:
    """A directory for the socket that the guest is heard on; its binding outlives it."""
    parent = data_dir()
    parent.mkdir(parents=True, exist_ok=True)
    directory = Path(tempfile.mkdtemp(prefix=".line-", dir=parent))
    try:
        _give(directory, ids)
        yield directory
    finally:
        shutil.rmtree(directory)


@contextlib.contextmanager
def _listen(path: Path, ids: IdMap) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.setblocking(False)
        here = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            listener.bind(f"/proc/self/fd/{here}/{path.name}")  # a path of a socket has to be short
        finally:
            os.close(here)
        _give(path, ids)
        listener.listen(1)
        yield listener


def _give(path: Path, ids: IdMap) -> None:
    if os.geteuid() == 0:
        os.chown(path, *ids.user)


def _device(directory: Path, ids: IdMap) -> Path:
    """Return a KVM device that the machine's user may open: of root, a node of its own."""
    if os.geteuid() != 0:
        return Path(DEVICE)
    node = directory / "kvm"
    try:
        os.mknod(node, stat.S_IFCHR | 0o600, os.stat(DEVICE).st_rdev)
        os.chown(node, *ids.user)
        os.close(os.open(node, os.O_RDWR | os.O_CLOEXEC))
    except OSError as error:
        raise IsolationUnavailable(
            f"cannot give {DEVICE} to the machine's user: {error.strerror}: {node}",
            code="kvm_missing",
            hint="run as an ordinary user of the group kvm, or set AGENTOS_DATA_DIR to a file "
            "system with devices",
        ) from None
    return node
