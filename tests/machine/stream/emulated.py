"""A guest with a kernel of its own: Debian's, under QEMU, whose processor is software.

Its root is an archive of busybox and our init; its second serial port leads to a stream.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from agentos.machine.isolation.namespace import LAUNCHER
from agentos.machine.stream import StreamBridge

_DIRECTORY, _LINK, _PROGRAM, _TEXT = 0o040755, 0o120777, 0o100755, 0o100644
_HOME = 0o040777
_INIT = "rdinit=/agentos-init -- guest /dev/ttyS1 100"


def can_emulate() -> bool:
    """Whether QEMU, busybox and a kernel are here; CI says where its kernel is, so it has to."""
    if "AGENTOS_TEST_KERNEL" in os.environ:
        return True
    return all(map(shutil.which, ("qemu-system-x86_64", "busybox"))) and bool(_kernels())


def _kernels() -> list[Path]:
    given = os.environ.get("AGENTOS_TEST_KERNEL")
    return [Path(given)] if given else sorted(Path("/boot").glob("vmlinuz-*cloud-amd64"))


def find_kernel() -> Path:
    """The kernel of `linux-image-cloud-amd64`, unpacked where CI says or installed."""
    found = _kernels()
    if not found:
        raise FileNotFoundError(
            "no kernel for a guest: AGENTOS_TEST_KERNEL names the one of linux-image-cloud-amd64"
        )
    return found[-1]


def _archive(entries: list[tuple[str, int, bytes]]) -> bytes:
    """A cpio archive in the `newc` format, as the kernel unpacks it."""
    out = bytearray()
    for number, (name, mode, data) in enumerate([*entries, ("TRAILER!!!", 0, b"")], 1):
        path = name.encode() + b"\0"
        fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(path), 0)
        out += b"070701" + b"".join(b"%08X" % field for field in fields) + path
        out += b"\0" * (-len(out) % 4) + data
        out += b"\0" * (-len(out) % 4)
    return bytes(out)


def _root() -> bytes:
    busybox = shutil.which("busybox")
    if busybox is None:
        raise FileNotFoundError("no busybox for a guest: apt-get install busybox-static")
    applets = ("sh", "cat", "sleep", "id", "uname", "stty", "wc", "head", "ps", "kill", "readlink")
    return _archive(
        [
            *((name, _DIRECTORY, b"") for name in ("bin", "proc", "dev", "tmp", "home", "etc")),
            ("home/agentos", _HOME, b""),
            ("etc/passwd", _TEXT, b"agentos:x:1000:1000::/home/agentos:/bin/sh\n"),
            ("bin/busybox", _PROGRAM, Path(busybox).read_bytes()),
            *((f"bin/{name}", _LINK, b"busybox") for name in applets),
            ("agentos-init", _PROGRAM, LAUNCHER.read_bytes()),
        ]
    )


def _words(directory: Path) -> list[str]:
    return [
        *("qemu-system-x86_64", "-accel", "tcg", "-machine", "pc", "-cpu", "max", "-m", "256"),
        *("-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"),
        *("-kernel", str(find_kernel()), "-initrd", str(directory / "root")),
        *("-serial", f"file:{directory / 'console'}"),
        *("-chardev", f"socket,id=line,path={directory / 'line'}", "-serial", "chardev:line"),
        *("-append", f"console=ttyS0 quiet nokaslr mitigations=off panic=-1 {_INIT}"),
    ]


@asynccontextmanager
async def emulated_guest(directory: Path) -> AsyncIterator[StreamBridge]:
    """Boot a guest; the bridge to it, which serves."""
    (directory / "root").write_bytes(_root())
    arrived: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    bridge = StreamBridge()

    def connected() -> StreamBridge:
        arrived.set_result(None)
        return bridge

    loop = asyncio.get_running_loop()
    server = await loop.create_unix_server(connected, directory / "line")
    qemu = await asyncio.create_subprocess_exec(*_words(directory))
    try:
        await arrived
        await bridge.channel.booted()
        yield bridge
    finally:
        bridge.close()
        server.close()
        if qemu.returncode is None:
            qemu.kill()
        await qemu.wait()
