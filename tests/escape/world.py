"""What lies outside a machine, for attempts to find: on the host, and in a machine beside it."""

from __future__ import annotations

import ctypes
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from agentos.machine.machine import AgentOs

MARKER = f"agentos-escape-{os.getpid()}"
#: The one text that no attempt may ever print.
SECRET = f"secret-{os.urandom(8).hex()}"
IPC_KEY = 0x41000000 | os.getpid()
_IPC_CREATE = 0o1000 | 0o666

_NEIGHBOUR = """
import ctypes, os, socket, sys
marker, key = sys.argv[1], int(sys.argv[2])
libc = ctypes.CDLL(None)
hidden = socket.socket(socket.AF_UNIX); hidden.bind("\\0near-" + marker); hidden.listen()
port = socket.create_server(("127.0.0.1", 0))
for d in ("/tmp", "/dev/shm", "/home/agentos"): open(f"{d}/{marker}", "w").write("near")
assert libc.shmget(key, 4096, 0o1666) >= 0 and libc.msgget(key, 0o1666) >= 0
assert libc.semget(key, 1, 0o1666) >= 0
queue = libc.mq_open(b"/" + marker.encode(), os.O_CREAT | os.O_RDWR, 0o666, None)
print(port.getsockname()[1], flush=True)
sys.stdin.read()
"""


@dataclass(frozen=True, slots=True)
class World:
    """The host's side of the attempts.

    Attributes:
        place: A directory that every user may read, with `secret` in it.
        hints: Environment that tells attempts where to look.
        process: A process of the host.
    """

    place: Path
    hints: dict[str, str]
    process: subprocess.Popen[bytes]

    @property
    def secret(self) -> Path:
        return self.place / "secret"

    def changed(self) -> list[str]:
        """What is not as it was made: names of the things that an attempt got at."""
        status = os.stat(self.secret)
        facts = {
            "the secret": self.secret.read_text() == SECRET,
            "its mode": status.st_mode & 0o777 == 0o644,
            "its links": status.st_nlink == 1,
            "its directory": sorted(os.listdir(self.place)) == ["inner", "secret", "socket"],
            "the inner directory": os.listdir(self.place / "inner") == ["kept"],
            "the process": self.process.poll() is None,
            "its priority": os.getpriority(os.PRIO_PROCESS, self.process.pid)
            == os.getpriority(os.PRIO_PROCESS, 0),
            "the host's name": socket.gethostname() == self.hints["HOST_NAME"],
            "core dumps": Path("/proc/sys/kernel/core_pattern").read_text()
            == self.hints["CORE_PATTERN"],
        }
        return [name for name, kept in facts.items() if not kept]


@contextmanager
def host_world() -> Iterator[World]:
    """Lay out the host's side; all of it is gone afterwards."""
    place = Path(tempfile.mkdtemp(prefix=f"{MARKER}-", dir="/var/tmp"))
    place.chmod(0o755)
    (place / "inner").mkdir()
    (place / "inner" / "kept").write_text(SECRET)
    (place / "secret").write_text(SECRET)
    (place / "secret").chmod(0o644)
    shared = [Path(directory, MARKER) for directory in ("/tmp", "/dev/shm")]
    libc = ctypes.CDLL(None)
    with (
        socket.create_server(("127.0.0.1", 0)) as port,
        socket.socket(socket.AF_UNIX) as hidden,
        socket.socket(socket.AF_UNIX) as visible,
    ):
        hidden.bind(f"\0host-{MARKER}")
        hidden.listen()
        visible.bind(str(place / "socket"))
        os.chmod(place / "socket", 0o777)
        visible.listen()
        for path in shared:
            path.write_text(SECRET)
        memory = libc.shmget(IPC_KEY, 4096, _IPC_CREATE)
        process = subprocess.Popen(["sleep", "1000"], env={"HOST_TOKEN": SECRET})
        try:
            yield World(place, _hints(place, port, process.pid), process)
        finally:
            process.kill()
            process.wait()
            libc.shmctl(memory, 0, None)
            for path in shared:
                path.unlink()
            shutil.rmtree(place)


def _hints(place: Path, port: socket.socket, pid: int) -> dict[str, str]:
    found = socket.getaddrinfo(socket.gethostname(), None, family=socket.AF_INET)
    return {
        "MARKER": MARKER,
        "SECRET_PATH": str(place / "secret"),
        "HOST_SOCKET": str(place / "socket"),
        "HOST_ABSTRACT": f"host-{MARKER}",
        "HOST_PORT": str(port.getsockname()[1]),
        "HOST_ADDRESSES": " ".join({str(address[4][0]) for address in found}),
        "HOST_PID": str(pid),
        "HOST_NAME": socket.gethostname(),
        "CORE_PATTERN": Path("/proc/sys/kernel/core_pattern").read_text(),
        "IPC_KEY": str(IPC_KEY),
    }


@asynccontextmanager
async def neighbour() -> AsyncIterator[dict[str, str]]:
    """Run a second machine that has one of everything; yields where to look for it."""
    async with AgentOs() as vm:
        words = ["python3", "-c", _NEIGHBOUR, MARKER, str(IPC_KEY)]
        async with await vm.spawn(words) as process:
            assert process.stdout is not None
            port = (await process.stdout.readline()).decode().strip()
            if not port:
                assert process.stderr is not None
                raise AssertionError((await process.stderr.read()).decode())
            yield {"NEAR_PORT": port, "NEAR_ABSTRACT": f"near-{MARKER}"}
