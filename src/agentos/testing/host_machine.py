"""A machine without isolation: commands run on the host, for tests of what lives in one.

It keeps the shape of a machine - a home, contained processes, a network policy that can be
asked - so that agents and sessions run in it as they are.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from agentos.errors import MachineError
from agentos.machine.network import NetworkPolicy
from agentos.machine.processes import ProcDirectory, ProcessInfo, list_processes
from agentos.machine.protocol import FileStat

#: Adopts orphans, starts the command in a session of its own, and kills the rest after it.
_SUPERVISOR = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
report = int(sys.argv[1])
child = os.fork()
if child == 0:
    os.setsid()
    os.close(report)
    os.execvp(sys.argv[2], sys.argv[2:])
os.write(report, child.to_bytes(4, "little"))
for fd in (0, 1, 2, report):
    os.close(fd)
ended = 0
while ended != child:
    ended, status = os.wait()
while True:
    for pid in open(f"/proc/self/task/{os.getpid()}/children").read().split():
        try:
            os.kill(int(pid), signal.SIGKILL)
        except ProcessLookupError:
            pass
    try:
        os.wait()
    except ChildProcessError:
        break
os._exit(os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status))
"""


class HostProcess:
    """A contained command on the host."""

    def __init__(self, machine: HostMachine, process: asyncio.subprocess.Process, pid: int) -> None:
        self._machine = machine
        self._process = process
        self.pid = pid
        self.supervisor = process.pid
        self.stdin = process.stdin
        self.stdout = process.stdout
        self.stderr = process.stderr

    async def wait(self) -> int:
        """Wait until it ends, or the machine does."""
        ending = asyncio.ensure_future(self._process.wait())
        lost = asyncio.ensure_future(self._machine.lost.wait())
        try:
            await asyncio.wait({ending, lost}, return_when=asyncio.FIRST_COMPLETED)
            if self._machine.lost.is_set():
                raise MachineError("the machine has ended")
            return await ending
        finally:
            for task in (ending, lost):
                task.cancel()
            await asyncio.gather(ending, lost, return_exceptions=True)

    async def kill(self) -> None:
        """Kill it; its supervisor ends with it and takes the rest along."""
        if self._process.returncode is None:
            self._machine.kill_family(self.supervisor)
            await self._process.wait()

    def close(self) -> None:
        """Let go of its streams."""
        if self.stdin:
            self.stdin.close()


class HostNetwork:
    """Remembers what was allowed and routed; keeps nothing out."""

    def __init__(self, policy: NetworkPolicy) -> None:
        self.policy = policy
        self.routes: dict[tuple[str, int], tuple[str, int]] = {}

    async def allow(self, *entries: str) -> None:
        self.policy = self.policy.extended(allow=entries)

    async def route(self, name: str, port: int, target: tuple[str, int]) -> None:
        self.routes[name, port] = target

    async def unroute(self, name: str, port: int) -> None:
        self.routes.pop((name, port), None)


class HostMachine:
    """A home directory on the host, and processes that end with it.

    Args:
        env: Environment of every command.
        network: What agents are told may be reached; nothing enforces it.

    Attributes:
        name: The host itself.
        home: The home directory. It is not below /tmp, where Codex would refuse to work.
    """

    def __init__(
        self, *, env: Mapping[str, str] | None = None, network: NetworkPolicy | None = None
    ) -> None:
        self.name = "host"
        self.network = HostNetwork(network or NetworkPolicy())
        self.lost = asyncio.Event()
        self._env = dict(env or {})
        self._running: list[HostProcess] = []
        self._root = Path(tempfile.mkdtemp(prefix="agentos-host-", dir="/var/tmp"))
        self.home = self._root / "home"
        self.home.mkdir()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Kill what runs and remove the home."""
        self.lost.set()
        for process in self._running:
            await process.kill()
        shutil.rmtree(self._root, ignore_errors=True)

    def environment(self, env: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return the environment of a command that is given `env`."""
        basics = {
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "LOGNAME": "agentos",
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "SHELL": "/bin/sh",
            "USER": "agentos",
        }
        return {**basics, **self._env, **(env or {})}

    async def read_text(self, path: str) -> str:
        """Read a file."""
        return await asyncio.to_thread(Path(path).read_text)

    async def read_file(self, path: str, *, offset: int = 0, size: int | None = None) -> bytes:
        """Read a file from an offset on."""
        found = (await asyncio.to_thread(Path(path).read_bytes))[offset:]
        return found if size is None else found[:size]

    async def listdir(self, path: str) -> list[str]:
        """Return the names in a directory."""
        return sorted(await asyncio.to_thread(os.listdir, path))

    async def write_file(self, path: str, data: bytes, *, mode: int = 0o644) -> None:
        """Write a file."""
        new = not await asyncio.to_thread(Path(path).exists)
        await asyncio.to_thread(Path(path).write_bytes, data)
        if new:
            await asyncio.to_thread(Path(path).chmod, mode)

    async def exists(self, path: str) -> bool:
        """Tell whether there is something at this path."""
        return await asyncio.to_thread(Path(path).exists)

    async def stat(self, path: str) -> FileStat:
        """Tell what a file is, through links."""
        found = await asyncio.to_thread(os.stat, path)
        times = (found.st_atime, found.st_mtime, found.st_ctime, None)
        ids = (found.st_uid, found.st_gid, found.st_nlink, found.st_ino)
        return FileStat(found.st_mode, found.st_size, *ids, *times)

    async def move(self, source: str, target: str) -> None:
        """Rename a file."""
        await asyncio.to_thread(os.rename, source, target)

    async def mkdir(self, path: str, *, parents: bool = False) -> None:
        """Make a directory."""
        await asyncio.to_thread(Path(path).mkdir, parents=parents, exist_ok=parents)

    async def chmod(self, path: str, mode: int) -> None:
        """Set the permissions of a file."""
        await asyncio.to_thread(os.chmod, path, mode)

    async def symlink(self, target: str, path: str) -> None:
        """Make a link."""
        await asyncio.to_thread(os.symlink, target, path)

    async def readlink(self, path: str) -> str:
        """Return where a link leads."""
        return await asyncio.to_thread(os.readlink, path)

    async def remove(self, path: str) -> None:
        """Remove a file, a link or an empty directory."""
        is_directory = os.path.isdir(path) and not os.path.islink(path)
        await asyncio.to_thread(os.rmdir if is_directory else os.unlink, path)

    async def spawn(
        self,
        command: Sequence[str],
        *,
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        limit: int = 2**20,
        contain: bool = False,
    ) -> HostProcess:
        """Start a command with live streams; it is always contained."""
        del contain
        if self.lost.is_set():
            raise MachineError("the machine has ended")
        report, write_end = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-I", "-S", "-c", _SUPERVISOR, str(write_end)),
                *command,
                cwd=cwd or self.home,
                env=self.environment(env),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                limit=limit,
                start_new_session=True,
                pass_fds=(write_end,),
            )
            os.close(write_end)
            write_end = -1
            pid = int.from_bytes(await asyncio.to_thread(os.read, report, 4), "little")
        finally:
            os.close(report)
            if write_end >= 0:
                os.close(write_end)
        started = HostProcess(self, process, pid)
        self._running.append(started)
        return started

    async def processes(self) -> list[ProcessInfo]:
        """List what it started, and no other process of the host."""
        family = {process.supervisor for process in self._running}
        everything = _host_processes()
        found = [info for info in everything if info.pid in family]
        grew = True
        while grew:
            new = [i for i in everything if i.ppid in family and i.pid not in family]
            family |= {info.pid for info in new}
            found += new
            grew = bool(new)
        return found

    async def signal(self, pid: int, number: int) -> None:
        """Send a signal to one process."""
        os.kill(pid, number)

    def kill_family(self, supervisor: int) -> None:
        """Kill the child of a supervisor, which kills the rest."""
        for info in _host_processes():
            if info.ppid == supervisor and info.state != "Z":
                os.kill(info.pid, signal.SIGKILL)


def _host_processes() -> list[ProcessInfo]:
    proc = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY)
    try:
        return list_processes(ProcDirectory(proc))
    finally:
        os.close(proc)
