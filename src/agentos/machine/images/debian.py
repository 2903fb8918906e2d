"""Build images of the distribution's own packages, through mmdebstrap."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import re
import shutil
import signal
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from agentos.errors import MachineError
from agentos.machine.images.family import end_family
from agentos.machine.images.importing import import_image
from agentos.machine.isolation.id_map import choose_id_map
from agentos.machine.layers.removal import remove_tree
from agentos.machine.layers.store import LayerStore, Snapshot
from agentos.machine.snapshots import check_name

#: A package as apt names it, with an architecture, a version or a release behind it.
_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]+(:[a-z0-9-]+)?(=[A-Za-z0-9.+:~-]+|/[a-z0-9-]+)?")
_SOURCES = ("sources.list", "sources.list.d/*.list", "sources.list.d/*.sources")
_PLACE = "agentos-build-"
_END_PATIENCE = 30.0  # seconds in which killed processes end
_SHOWN = 800  # bytes of its last words


async def build_image(
    name: str, packages: Sequence[str] = (), *, apt: Path = Path("/etc/apt")
) -> Snapshot:
    """Make an image of a minimal distribution and packages, from the sources apt uses here.

    Args:
        name: The new image's name.
        packages: Debian packages; what they depend on comes with them, what they recommend not.
        apt: The directory of apt's configuration, whose sources are used.

    Raises:
        IsolationUnavailable: An ordinary user has no range of ids; the hint says how to get one.
        MachineError: mmdebstrap is not installed, or it failed; nothing of it is kept.

    Example:
        ```python
        await build_image("dev", ["git", "python3", "gcc", "libc6-dev"])
        ```
    """
    check_name(name)
    LayerStore().require_free(name)
    program, sources = _mmdebstrap(), _sources(apt)
    for package in packages:
        if not _PACKAGE.fullmatch(package):
            raise MachineError(f"{package!r} is no name of a package", code="name_invalid")
    if os.geteuid() and not shutil.which("fakechroot"):
        choose_id_map(root=True)  # mmdebstrap needs them itself
    with _place() as place:
        target = Path(place, "root.tar")
        argv = [*_alone(), program, "--variant=minbase", "--format=tar"]
        argv += [f"--include={','.join(packages)}"] if packages else []
        await _run([*argv, "", str(target), *sources], place)
        return await import_image(name, target)


@contextlib.contextmanager
def _place() -> Iterator[str]:
    """A directory in which, as an ordinary user, ids that are lent to the caller work too.

    It is locked from before it has its name, so that what is not is of a build that was killed.
    """
    _sweep()
    fresh = Path(tempfile.mkdtemp(prefix=".agentos-"))
    lock = os.open(fresh, os.O_RDONLY | os.O_DIRECTORY)
    place = fresh.with_name(_PLACE + fresh.name.removeprefix(".agentos-"))
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        fresh.chmod(0o711)
        fresh.rename(place)
        yield str(place)
    finally:
        remove_tree(place if place.exists() else fresh)
        os.close(lock)


def _sweep() -> None:
    """Remove what builds of this user left that were killed."""
    for place in Path(tempfile.gettempdir()).glob(f"{_PLACE}*"):
        with contextlib.suppress(FileNotFoundError, NotADirectoryError, PermissionError):
            lock = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.fstat(lock).st_uid == os.geteuid():
                    remove_tree(place)
            except BlockingIOError:
                pass  # it is being built in
            finally:
                os.close(lock)


def _mmdebstrap() -> str:
    if program := shutil.which("mmdebstrap"):
        return program
    raise MachineError(
        "images are built by mmdebstrap, which is not installed",
        code="mmdebstrap_missing",
        hint="sudo apt-get install mmdebstrap; or import one: agentos image import NAME FILE",
    )


def _alone() -> list[str]:
    """Let what root runs have mounts and processes of its own, which end with this process.

    As an ordinary user mmdebstrap does so itself, as it has to.
    """
    if os.geteuid():
        return []
    with_us = ["setpriv", "--pdeathsig", "KILL"]
    return [*with_us, "unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]


def _sources(apt: Path) -> list[str]:
    found = [str(path) for pattern in _SOURCES for path in sorted(apt.glob(pattern))]
    if not found:
        raise MachineError(
            f"apt has no sources: {apt}",
            code="apt_sources_missing",
            hint="images are built of the packages that this host's apt is configured for",
        )
    return found


async def _run(argv: Sequence[str], place: str) -> None:
    """Run mmdebstrap in a process group of its own; it is ended with all that it started."""
    with tempfile.TemporaryFile() as said:
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            env={**os.environ, "TMPDIR": place},
            start_new_session=True,
        )
        try:
            code = await process.wait()
        except BaseException:
            await _end(process)
            raise
        if code:
            said.seek(max(0, os.fstat(said.fileno()).st_size - _SHOWN))
            raise MachineError(
                f"mmdebstrap failed with exit code {code}",
                code="image_build_failed",
                hint=f"it said: {said.read().decode(errors='replace').strip()}",
            )


async def _end(process: asyncio.subprocess.Process) -> None:
    """End all of it, and wait until none is left to write where we remove."""
    await end_family(process.pid)
    with contextlib.suppress(TimeoutError, ProcessLookupError):
        async with asyncio.timeout(_END_PATIENCE):
            while True:
                os.killpg(process.pid, signal.SIGKILL)
                await asyncio.sleep(0.01)
