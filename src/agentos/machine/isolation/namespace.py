"""Machines made of Linux namespaces, by the launcher in `native/`.

Needs Linux 5.12 and user namespaces, as any user or as root. Facts on each step, and what it
costs, are in `docs/isolation.md`.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import signal
import socket
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from agentos.errors import IsolationUnavailable, MachineError
from agentos.machine.channel import BootFailed, Channel, control_pair, resolve
from agentos.machine.isolation.branch import Branch
from agentos.machine.isolation.id_map import MACHINE_USER, choose_id_map
from agentos.machine.isolation.sandbox import Sandbox
from agentos.machine.layers.host_image import Image
from agentos.machine.protocol import Op

LAUNCHER = Path(__file__).parents[2] / "native" / "agentos-init"
_CONTROL = 3
_CATCHABLE = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}

_USER_NAMESPACE_STEPS = {
    *("clone into new namespaces", "uid_map", "gid_map", "setgroups"),
    "make a network namespace",
}


class NamespaceMachine:
    """A running machine: its control channel and its init process.

    Use `NamespaceMachine.start`; `close` ends every process in it and waits until they are gone.
    """

    is_one_process = False

    def __init__(self, channel: Channel, launcher: int, branch: Branch) -> None:
        self.channel = self.commands = channel
        self.ids = branch.ids
        self.layers = len(branch.layers)
        self._launcher = launcher
        self._reaped: asyncio.Future[None] | None = None

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
        kvm: Path | None = None,
        sandbox: Sandbox | None = None,
    ) -> NamespaceMachine:
        """Build a machine and wait until its init serves.

        Args:
            find_image: Returns what its root is made of.
            hostname: Its own name.
            size: Bound of all that it writes: bytes, or a share of memory such as "50%".
            binds: Further host directories and where they appear, read-only.
            branch: What it takes over from another machine; its descriptors are closed.
            open_files: How many descriptors each of its commands may have.
            on_lost: Called when the machine is gone.
            kvm: The device for a virtual machine of its commands.
            sandbox: To be started in it; its descriptors are closed.

        Raises:
            IsolationUnavailable: This host does not permit it; the hint says what would.
        """
        with contextlib.ExitStack() as sent:
            if branch:
                sent.callback(branch.close)
            if sandbox:
                sent.callback(sandbox.close)
            image = find_image()
            branch = branch or Branch(image.ids or choose_id_map())
            plan = _plan(image, hostname, size, binds, branch)
            if kvm is not None:
                plan += b"kvm\0%b\0" % os.fsencode(kvm)
            if open_files is not None:
                plan += b"open-files\0%d\0" % open_files
            packets = [(plan, branch.stages)]
            if sandbox:
                packets = [(plan + b"sandbox\0", branch.stages)]
                packets.append((sandbox.configuration, sandbox.descriptors))
            control, launcher = _launch(packets)
        machine = cls(Channel(control, on_lost), launcher, branch)
        try:
            await machine.channel.booted()
        except BootFailed as error:
            await machine.close()
            raise _explain(error) from error
        except BaseException:
            await machine.close()
            raise
        machine._reap_launcher()
        return machine

    def _reap_launcher(self) -> None:
        if self._launcher:
            _wait(self._launcher)
            self._launcher = 0

    async def branch(self, *, copy: bool = False) -> Branch:
        """Hand out what this machine has written, for another one to start from.

        Args:
            copy: Whether the other one copies our writable layer, because we go on writing to
                it. Otherwise it becomes a layer below, and must not change any more.
        """
        branch = Branch(self.ids)
        try:
            own = await self._stage(-1)
            if copy:
                branch.copy = own
            else:
                branch.layers.append(own)
            for layer in range(self.layers):
                branch.layers.append(await self._stage(layer))
        except BaseException:
            branch.close()
            raise
        return branch

    async def _stage(self, layer: int) -> int:
        return (await self.channel.call(Op.STAGE, [], (layer, 0, 0, 0), "layer")).fd

    async def close(self) -> None:
        """End the machine and wait until none of its processes is left."""
        if self._reaped is None:
            self._reaped = asyncio.ensure_future(self._end())
        await asyncio.shield(self._reaped)

    async def _end(self) -> None:
        self._reap_launcher()
        self.channel.receive()  # the launcher has said who init is, if it got that far
        self.channel.lose("the machine was closed")
        init = self.channel.init_pid
        if init is None:
            return
        try:
            pidfd = os.pidfd_open(init)
        except ProcessLookupError:
            return
        try:
            # Init ends with its socket, unless the machine's user stopped a command that it starts.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                signal.pidfd_send_signal(pidfd, signal.SIGKILL)
            await _readable(pidfd)
        finally:
            os.close(pidfd)
        _wait(init)


def _launch(packets: Iterable[tuple[bytes, Sequence[int]]]) -> tuple[socket.socket, int]:
    """Start the launcher, and return the control socket and its pid.

    The plan is there before the launcher is: it need not wait for it.
    """
    control, machine_end = control_pair()
    try:
        with machine_end:
            for packet, descriptors in packets:
                socket.send_fds(control, [packet], descriptors)
            return control, spawn_launcher("agentos-init", machine_end.fileno())
    except BaseException:
        control.close()
        raise


def _plan(
    image: Image, hostname: str, size: str, binds: tuple[tuple[Path, str], ...], branch: Branch
) -> bytes:
    ids = branch.ids
    words: list[str | Path] = ["uid-map", ids.uid, "gid-map", ids.gid, "hostname", hostname]
    words += ["size", size, "user", str(MACHINE_USER)]
    words += ["copy"] if branch.copy is not None else []
    words += ["layer"] * len(branch.layers)
    for lower in image.lowers:
        words += ["lower", lower]
    for source, target in (*image.binds, *binds):
        words += ["bind", source, target]
    for path in image.hidden:
        words += ["hide", path]
    return b"".join(os.fsencode(word) + b"\0" for word in words)


def spawn_launcher(role: str, control: int) -> int:
    """Start the launcher with nothing of this process but the control socket.

    Args:
        role: What it is to be, which is its argv[0]: `agentos-init` becomes a machine.
        control: The descriptor of its end of the socket.
    """
    null = (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDWR, 0)
    try:
        return os.posix_spawn(
            LAUNCHER,
            [role],
            {},
            file_actions=[
                (os.POSIX_SPAWN_DUP2, control, _CONTROL),
                null,
                (os.POSIX_SPAWN_DUP2, 0, 1),
                (os.POSIX_SPAWN_DUP2, 0, 2),
            ],
            setsigmask=[],
            setsigdef=_CATCHABLE,
        )
    except FileNotFoundError:
        raise IsolationUnavailable(
            f"the machine's launcher is missing: {LAUNCHER}",
            code="launcher_missing",
            hint="sudo apt-get install gcc libc6-dev, then reinstall agentos-vm",
        ) from None


async def end_of(pid: int) -> None:
    """Wait until a child has ended; it is not reaped."""
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return  # somebody's waitpid(-1) was first
    try:
        await _readable(pidfd)
    finally:
        os.close(pidfd)


async def _readable(fd: int) -> None:
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    loop.add_reader(fd, resolve, ready)
    try:
        await ready
    finally:
        loop.remove_reader(fd)


def _wait(pid: int) -> None:
    """Wait for a child that has ended, or is about to."""
    try:
        os.waitpid(pid, 0)
    except ChildProcessError:
        return  # somebody's waitpid(-1) was first


def _explain(error: BootFailed) -> IsolationUnavailable:
    """Turn the step that failed into what to do about it."""
    if error.errno in (errno.EPERM, errno.EACCES) and os.geteuid() != 0:
        from agentos.machine.isolation import apparmor

        if apparmor.says_that_it_restricts():
            return IsolationUnavailable(
                "AppArmor forbids user namespaces to programs without a profile "
                f"({error.step}: {os.strerror(error.errno)})",
                code="user_namespaces_forbidden",
                hint=f"install the profile, once: {apparmor.INSTALL}",
            )
    if error.step in _USER_NAMESPACE_STEPS:
        hint = (
            "allow them: sudo sysctl -w user.max_user_namespaces=65536; on Debian also "
            "kernel.unprivileged_userns_clone=1, on Ubuntu "
            "kernel.apparmor_restrict_unprivileged_userns=0; "
            "run a container with --security-opt seccomp=unconfined"
        )
        return IsolationUnavailable(
            f"this host forbids user namespaces ({error.step}: {os.strerror(error.errno)})",
            code="user_namespaces_forbidden",
            hint=hint,
        )
    if error.step.startswith(("newuidmap", "newgidmap")):
        return IsolationUnavailable(
            f"the system does not map a range of ids: {error.step}",
            code="no_id_range",
            hint="`agentos doctor` tells whether a machine can have a root here",
        )
    if error.step == "mount proc":
        hint = "inside a container, run it with --security-opt systempaths=unconfined"
    elif error.errno in (errno.ENOSYS, errno.EINVAL):
        hint = "AgentOS needs Linux 5.12 or newer with overlayfs; `agentos doctor` tells more"
    else:
        hint = "`agentos doctor` probes what this host permits"
    return IsolationUnavailable(error.message, hint=hint)
