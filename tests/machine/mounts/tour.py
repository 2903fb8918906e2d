"""A tour of mounts by whoever runs it: `python tour.py`, without a test framework.

`test_whoever.py` sends root and an ordinary user on it.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from pathlib import Path

from agentos.errors import MachineError
from agentos.machine.machine import AgentOs
from agentos.machine.mounts import Mount


def same(seen: object, expected: object) -> None:
    if seen != expected:
        raise AssertionError(f"{seen!r} instead of {expected!r}")


async def output(vm: AgentOs, command: str) -> str:
    return (await vm.exec(command, check=True)).stdout


async def fails(vm: AgentOs, command: str, reason: str) -> None:
    result = await vm.exec(command)
    assert result.exit_code != 0, command
    assert reason in result.stderr, (command, result.stderr)


async def read_only(vm: AgentOs, place: Path) -> None:
    (place / "private").mkdir(mode=0o700)
    (place / "private/f").write_text("of the host\n")
    (place / "private/f").chmod(0o600)
    await vm.mount(Mount.host(place / "private", "/data/in/here"))
    same(await output(vm, "cat /data/in/here/f"), "of the host\n")
    same(await vm.read_text("/data/in/here/f"), "of the host\n")
    await fails(vm, "echo x > /data/in/here/f", "Read-only file system")
    await fails(vm, "touch /data/in/here/g", "Read-only file system")
    (place / "private/later").write_text("still the same directory\n")
    same(await output(vm, "cat /data/in/here/later"), "still the same directory\n")
    await vm.unmount("/data/in/here")
    assert not await vm.exists("/data/in/here")


async def writable(vm: AgentOs, place: Path) -> None:
    work = place / "work"
    work.mkdir()
    (work / "old").write_text("old\n")
    await vm.mount(Mount.host(work, "work", read_only=False))
    same(await output(vm, "stat -c '%u %g' work work/old"), "1000 1000\n1000 1000\n")
    await output(vm, "echo new > work/new; mkdir work/sub; echo more >> work/old; ln -s x work/l")
    for path in (work / "new", work / "sub", work / "old", work / "l"):
        status = path.lstat()
        same((status.st_uid, status.st_gid), (os.getuid(), os.getgid()))
    same((work / "old").read_text(), "old\nmore\n")
    await vm.write_file("work/from_host", "verb\n")
    same((work / "from_host").stat().st_uid, os.getuid())
    await vm.unmount("work")
    same(await vm.exists("work"), False)
    same((work / "new").read_text(), "new\n")


async def memory(vm: AgentOs) -> None:
    await vm.mount(Mount.tmpfs("scratch", size=2**20))
    same(await output(vm, "stat -c '%u %a' scratch"), "1000 755\n")
    await fails(vm, "head -c 2000000 /dev/zero > scratch/f", "No space left")
    await vm.unmount("scratch")


async def secrets(vm: AgentOs) -> None:
    content = bytes(range(256)) * 40
    await vm.mount(Mount.secret("/run/secrets/key", content))
    same(await vm.read_file("/run/secrets/key"), content)
    same(await output(vm, "stat -c '%u %g %a %s' /run/secrets/key"), "1000 1000 400 10240\n")
    await fails(vm, "echo x > /run/secrets/key", "Read-only file system")
    await fails(vm, "chmod 644 /run/secrets/key", "Read-only file system")
    await fails(vm, "rm -f /run/secrets/key", "busy")
    await vm.unmount("/run/secrets/key")
    same(await vm.listdir("/run/secrets"), [])


async def watched(vm: AgentOs, place: Path) -> None:
    (place / "watched").mkdir()
    await vm.mount(Mount.host(place / "watched", "/w", read_only=False))
    async with vm.watch("/w") as changes:
        (place / "watched/by_the_host").touch()
        same((await anext(changes)).path, "/w/by_the_host")
        await output(vm, "mkdir /w/sub; touch /w/sub/f")
        while (await anext(changes)).path != "/w/sub/f":
            pass
    await vm.unmount("/w")


async def refused(vm: AgentOs, place: Path) -> None:
    await vm.symlink("/proc", "leads_to_proc")
    await vm.symlink("/dev", "leads_to_dev")
    for target in ("leads_to_proc/sys", "leads_to_dev/pts", "leads_to_dev/new"):
        try:
            await vm.mount(Mount.host(place, target))
        except (MachineError, OSError):
            continue
        raise AssertionError(target)
    same(vm.mounts, ())
    same("new" in await vm.listdir("/dev"), False)


async def tour() -> None:
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        async with AgentOs() as vm:
            await read_only(vm, place)
            await writable(vm, place)
            await memory(vm)
            await secrets(vm)
            await watched(vm, place)
            await refused(vm, place)
        (place / "x").mkdir()
        given = [Mount.host(place / "x", "/x"), Mount.secret("token", "t0ken")]
        async with AgentOs(mounts=given) as vm:
            same(await output(vm, "cat token; ls -A /x"), "t0ken")


if __name__ == "__main__":
    asyncio.run(tour())
    sys.stdout.write(f"seen as user {os.geteuid()}\n")
