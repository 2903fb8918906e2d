"""What every test shares: a machine, and the proof that nothing is left of any."""

from __future__ import annotations

import contextlib
import gc
import os
import resource
import signal
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import obstore
import pytest
from obstore.store import MemoryStore

from agentos.errors import IsolationUnavailable
from agentos.machine.isolation.backends import Isolation
from agentos.machine.isolation.runsc import find_runsc
from agentos.machine.machine import AgentOs

# Its threads and their descriptors stay as long as the process: let them be there before.
obstore.put(MemoryStore(), "first", b"")

# A thousand commands at once take more descriptors than the usual soft limit allows.
resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)

# Whoever runs the tests in the background may have switched Ctrl-C off, for programs that they
# start too.
signal.signal(signal.SIGINT, signal.default_int_handler)

_PASSING = ("/dev/null", "/dev/urandom", "/proc/", "anon_inode:inotify")


@pytest.fixture(scope="session", autouse=True)
def _store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the transcripts of the tests out of the user's store."""
    with pytest.MonkeyPatch.context() as patch:
        place = tmp_path_factory.mktemp("store") / "agentos.db"
        patch.setenv("AGENTOS_STORE_URL", f"sqlite:///{place}")
        yield


@dataclass(frozen=True)
class Footprint:
    """What this process holds of the host."""

    children: frozenset[int]
    descriptors: dict[int, str]
    mounts: int
    threads: int

    @classmethod
    def now(cls) -> Footprint:
        gc.collect()
        return cls(
            frozenset(children_of(os.getpid())),
            _descriptors(),
            len(Path("/proc/self/mountinfo").read_text().splitlines()),
            threading.active_count(),
        )

    def grown_since(self, before: Footprint) -> list[str]:
        """What is here that was not: child processes, descriptors, mounts."""
        new = [f"child {pid}" for pid in sorted(self.children - before.children)]
        new += [
            f"descriptor {fd}: {target}"
            for fd, target in self.descriptors.items()
            if fd not in before.descriptors
        ]
        if self.mounts > before.mounts:
            new.append(f"{self.mounts - before.mounts} mounts")
        return new


def children_of(pid: int) -> set[int]:
    """The host's child processes of a process, whichever thread started them."""
    found: set[int] = set()
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # the thread has ended
            found.update(int(child) for child in (thread / "children").read_text().split())
    return found


def _descriptors() -> dict[int, str]:
    found = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{name}")
        except FileNotFoundError:
            continue  # the descriptor of the listing itself
        if not target.startswith(_PASSING):
            found[int(name)] = target
    return found


@pytest.fixture(scope="session", autouse=True)
def _nothing_is_left() -> Iterator[None]:
    """After all tests there is no process, descriptor or mount that was not there before."""
    before = Footprint.now()
    yield
    assert Footprint.now().grown_since(before) == []


@pytest.fixture
def footprint() -> Footprint:
    """What this process holds before the test."""
    return Footprint.now()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what a module says of a machine with each of its `ISOLATIONS`.

    A test that is marked `linux` speaks of what only Linux itself shows, not gVisor's kernel.
    """
    isolations = getattr(metafunc.module, "ISOLATIONS", None)
    if isolations and "vm" in metafunc.fixturenames:
        if metafunc.definition.get_closest_marker("linux"):
            isolations = [name for name in isolations if name != "gvisor"]
        metafunc.parametrize("vm", isolations, indirect=True)


@pytest.fixture
async def vm(request: pytest.FixtureRequest) -> AsyncIterator[AgentOs]:
    """A machine of the test's own."""
    isolation: Isolation = getattr(request, "param", "namespace")
    if isolation == "gvisor":
        require_runsc()
    async with AgentOs(isolation=isolation) as machine:
        yield machine


def require_runsc() -> None:
    """Skip a test where runsc is not installed; the check of a clean checkout installs it."""
    try:
        find_runsc()
    except IsolationUnavailable as error:
        pytest.skip(str(error))
