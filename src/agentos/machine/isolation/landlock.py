"""Machines made of Landlock alone, for hosts that forbid namespaces: `native/landlock.c`.

A process of such a machine can open what is on a list, and signal its own kind; it has no
network and no inter-process communication with the host. What it does not hide is in
`docs/isolation.md`.
"""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from agentos.errors import IsolationUnavailable, MachineError
from agentos.machine.channel import BootFailed, Channel, control_pair
from agentos.machine.isolation.branch import Branch
from agentos.machine.isolation.id_map import IdMap, choose_id_map
from agentos.machine.isolation.namespace import (
    _wait,
    end_of,
    spawn_launcher,
)
from agentos.machine.isolation.offers import lacking
from agentos.machine.isolation.private_directory import PrivateDirectory, sweep
from agentos.machine.layers.host_image import ETC_TAKEN, HIDDEN, Image

#: The first that keeps signals within the machine: Linux 6.12.
NEEDED_ABI = 6

DEVICES = ("null", "zero", "full", "random", "urandom", "tty")

_CREATE_RULESET = 444
_VERSION = 1


def abi() -> int:
    """Return the version of the kernel's Landlock, 0 if it has none or has it switched off."""
    import ctypes

    answer: int = ctypes.CDLL(None).syscall(_CREATE_RULESET, None, 0, _VERSION)
    return max(answer, 0)


def require() -> None:
    """Refuse a kernel that cannot keep what is promised.

    Raises:
        IsolationUnavailable: Its Landlock is too old, or it has none.
    """
    found = abi()
    if found >= NEEDED_ABI:
        return
    there = f"this kernel has ABI {found}" if found else "this kernel has none in force"
    raise IsolationUnavailable(
        f"landlock needs Landlock ABI {NEEDED_ABI}; {there}",
        code="landlock_missing",
        hint="Linux 6.12 or newer, with landlock among the security modules (lsm=...)",
    )


class LandlockMachine:
    """A running machine: its control channel, its guardian process and its directory.

    Use `LandlockMachine.start`; `close` ends every process in it and removes its files.
    """

    layers = 0

    is_one_process = False

    def __init__(
        self, channel: Channel, guardian: int, directory: PrivateDirectory, user: tuple[int, int]
    ) -> None:
        self.channel = self.commands = channel
        self.ids = IdMap(f"{user[0]} {user[0]} 1", f"{user[1]} {user[1]} 1")
        self._guardian = guardian
        self._directory = directory
        self._ending: asyncio.Future[None] | None = None

    @classmethod
    async def start(
        cls,
        find_image: Callable[[], Image],
        *,
        hostname: str = "agentos",
        size: str | None = None,
        binds: tuple[tuple[Path, str], ...] = (),
        branch: Branch | None = None,
        open_files: int | None = None,
        on_lost: Callable[[MachineError], None] | None = None,
    ) -> LandlockMachine:
        """Start the guardian and init, and wait until init serves.

        Args:
            find_image: Returns the host's own; its directories are what the machine may read.
            hostname: Without effect: the name is the host's.
            size: Refused: nothing bounds the files.
            binds: Without effect: nothing appears where it is not.
            branch: Refused: a machine of this kind has no layers.
            open_files: How many descriptors each of its commands may have.
            on_lost: Called when the machine is gone.

        Raises:
            IsolationUnavailable: This host's kernel does not have it, or it lacks what is asked.
        """
        del hostname, binds
        if branch is not None:
            branch.close()
            raise lacking("landlock", "fork")
        if size is not None:
            raise lacking("landlock", "a bound of files, which bounds memory too without cgroups")
        await sweep()
        user = choose_id_map().user if os.geteuid() == 0 else (os.geteuid(), os.getegid())
        directory = PrivateDirectory(user)
        try:
            machine = cls._spawn(_order(find_image(), directory, user, open_files), directory, user)
        except BaseException:
            await directory.remove()
            raise
        machine.channel.on_lost = on_lost
        try:
            await machine.channel.booted()
        except BootFailed as error:
            await machine.close()
            raise _explain(error) from error
        except BaseException:
            await machine.close()
            raise
        return machine

    @classmethod
    def _spawn(
        cls, order: bytes, directory: PrivateDirectory, user: tuple[int, int]
    ) -> LandlockMachine:
        host_end, machine_end = control_pair()
        try:
            host_end.send(order)
            guardian = spawn_launcher("agentos-landlock", machine_end.fileno())
        except BaseException:
            host_end.close()
            raise
        finally:
            machine_end.close()
        channel = Channel(host_end)
        channel.shares_host = True
        channel.places = {
            "HOME": str(directory.home),
            "TMPDIR": str(directory.temporary),
            "GIT_CONFIG_NOSYSTEM": "1",  # git takes a file that it may not read for an error
        }
        return cls(channel, guardian, directory, user)

    async def branch(self, *, copy: bool = False) -> Branch:
        """Refuse: there are no layers to hand out."""
        raise lacking("landlock", "branch")

    async def close(self) -> None:
        """End the machine, wait until none of its processes is left, and remove its files."""
        if self._ending is None:
            self._ending = asyncio.ensure_future(self._end())
        await asyncio.shield(self._ending)

    async def _end(self) -> None:
        self.channel.lose("the machine was closed")  # upon which the guardian ends it
        await end_of(self._guardian)
        _wait(self._guardian)
        await self._directory.remove()


def _order(
    image: Image, directory: PrivateDirectory, user: tuple[int, int], open_files: int | None
) -> bytes:
    words: list[str | Path] = ["uid", str(user[0]), "gid", str(user[1])]
    words += ["own", directory.path, "home", directory.home]
    words += ["open-files", str(open_files)] if open_files is not None else []
    for path in (directory.home, directory.temporary):
        words += ["write", path]
    for path in (*_system(image), *_settings(), Path("/proc")):
        words += ["read", path]
    for name in DEVICES:
        words += ["device", f"/dev/{name}"]
    return b"".join(os.fsencode(word) + b"\0" for word in words)


def _system(image: Image) -> Iterator[Path]:
    for source, _ in image.binds:
        yield from _without_hidden(source)


def _without_hidden(path: Path) -> Iterator[Path]:
    """A list can only allow: of a directory with something to hide, all else is named."""
    if not any(Path(hidden).is_relative_to(path) for hidden in HIDDEN):
        yield path
    elif str(path) not in HIDDEN:
        for entry in path.iterdir():
            if not entry.is_symlink():  # the rule would be about what it leads to
                yield from _without_hidden(entry)


def _settings() -> Iterator[Path]:
    """What of `/etc` the host image takes, and every user may read."""
    for name in ETC_TAKEN:
        path = Path("/etc", name)
        try:
            mode = path.lstat().st_mode
        except FileNotFoundError:
            continue
        if mode & 0o004 and not stat.S_ISLNK(mode):
            yield path


def _explain(error: BootFailed) -> IsolationUnavailable:
    return IsolationUnavailable(
        error.message,
        hint="the directory for temporary files (TMPDIR) has to be one that every user may enter; "
        "`agentos doctor` probes what this host permits",
    )
