"""File verbs: one file system, seen the same from both sides, with no way out of it."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import stat

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentos.machine.isolation.namespace import NamespaceMachine
from agentos.machine.layers.host_image import host_image
from agentos.machine.machine import AgentOs

# ---- both sides see the same ----


async def test_what_one_side_writes_the_other_reads(vm: AgentOs) -> None:
    await vm.write_file("note", "one\n")
    assert (await vm.exec("cat note")).stdout == "one\n"
    await vm.exec("sed -i s/one/two/ note")
    assert await vm.read_text("note") == "two\n"
    await vm.append_file("note", "three\n")
    await vm.exec("echo four >> note")
    assert await vm.read_text("/home/agentos/note") == "two\nthree\nfour\n"
    await vm.write_file("note", b"short")
    assert (await vm.exec("cat note")).stdout == "short"


async def test_parts_of_a_file(vm: AgentOs) -> None:
    await vm.write_file("digits", "0123456789")
    assert await vm.read_file("digits", offset=7) == b"789"
    assert await vm.read_file("digits", offset=2, size=3) == b"234"
    assert await vm.read_file("digits", size=0) == b""
    assert await vm.read_file("digits", offset=99) == b""
    assert await vm.read_file("/proc/self/comm") == b"agentos-init\n"  # of no size in advance


async def test_two_hundred_megabytes_arrive_whole(vm: AgentOs) -> None:
    data = os.urandom(2**20) * 200
    await vm.write_file("/tmp/big", data)
    assert hashlib.sha256(data).hexdigest() in (await vm.exec("sha256sum /tmp/big")).stdout
    assert await vm.read_file("/tmp/big") == data
    assert await vm.read_file("/tmp/big", offset=2**20, size=2**20) == data[: 2**20]


async def test_a_cancelled_write_spoils_no_other_file(vm: AgentOs) -> None:
    """Its descriptor is not closed, and its number not given to another, while it writes."""
    data = b"x" * (64 * 2**20)
    for _ in range(5):
        task = asyncio.ensure_future(vm.write_file("/tmp/big", data))
        while not await vm.exists("/tmp/big"):
            await asyncio.sleep(0)
        task.cancel()
        ended = asyncio.wait({task})
        names = [f"small{n}" for n in range(20)]
        await asyncio.gather(*(vm.write_file(name, name) for name in names))
        await ended
        assert [await vm.read_text(name) for name in names] == names
        await vm.remove("/tmp/big")


async def test_a_mode_is_for_new_files(vm: AgentOs) -> None:
    await vm.write_file("key", "secret", mode=0o600)
    assert (await vm.stat("key")).mode == stat.S_IFREG | 0o600
    await vm.write_file("key", "other", mode=0o644)
    assert (await vm.stat("key")).mode == stat.S_IFREG | 0o600


async def test_stat_tells_what_the_machine_sees(vm: AgentOs) -> None:
    await vm.exec("printf 12345 > f; ln f g; ln -s f link; chmod 751 f; touch -d @1000000000.5 f")
    status = await vm.stat("f")
    assert (status.size, status.uid, status.gid, status.nlink) == (5, 1000, 1000, 2)
    assert (status.mode & 0o7777, status.mtime) == (0o751, 1_000_000_000.5)
    assert status.is_file
    assert not status.is_dir
    assert status.inode == int((await vm.exec("stat -c %i f")).stdout)
    assert (await vm.stat("link")).is_file
    assert (await vm.stat("link", follow_symlinks=False)).is_symlink
    assert (await vm.stat("/usr")).is_dir


async def test_exists(vm: AgentOs) -> None:
    await vm.symlink("nowhere", "dangling")
    assert await vm.exists("/etc/passwd")
    assert not await vm.exists("nothing")
    assert not await vm.exists("/etc/passwd/below")
    assert not await vm.exists("dangling")


# ---- names ----

NAMES = [
    "new\nline",
    " ",
    "-rf",
    "ünï",
    "tab\t",
    "*",
    "a" * 255,
    b"\xff\xfe".decode("utf-8", "surrogateescape"),
]


async def test_any_name_goes(vm: AgentOs) -> None:
    await vm.mkdir("odd")
    for name in NAMES:
        await vm.write_file(f"odd/{name}", name.encode(errors="surrogateescape"))
        assert await vm.read_file(os.fsencode(f"odd/{name}")) == os.fsencode(name)
    assert await vm.listdir("odd") == sorted(NAMES)
    shown = (await vm.exec(["find", "odd", "-type", "f", "-print0"])).stdout_bytes
    assert {os.path.basename(p) for p in shown.split(b"\0") if p} == set(map(os.fsencode, NAMES))


_legal = st.binary(min_size=1, max_size=60).filter(
    lambda name: b"/" not in name and b"\0" not in name and name not in (b".", b"..")
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.dictionaries(_legal, st.binary(max_size=2000), min_size=1, max_size=5))
async def test_random_names_and_contents_come_back(vm: AgentOs, files: dict[bytes, bytes]) -> None:
    await vm.mkdir("random")
    for name, data in files.items():
        await vm.write_file(b"random/" + name, data)
    assert {
        os.fsencode(n): await vm.read_file(f"random/{n}") for n in await vm.listdir("random")
    } == files
    await vm.remove("random", recursive=True)


async def test_what_is_no_path(vm: AgentOs) -> None:
    with pytest.raises(FileNotFoundError):
        await vm.read_file("")
    for use in (vm.read_file("a\0b"), vm.write_file(b"a\0b", ""), vm.mkdir("\0")):
        with pytest.raises(ValueError, match="NUL"):
            await use
    with pytest.raises(ValueError, match="NUL"):
        await vm.symlink("x\0/tmp/elsewhere", "/tmp/link")
    assert await vm.listdir("/tmp") == []
    with pytest.raises(OSError, match="name too long"):
        await vm.write_file("a" * 256, "")
    with pytest.raises(OSError, match="name too long"):
        await vm.read_file("a/" * 2500)


async def test_errors_are_pythons_and_name_the_path(vm: AgentOs) -> None:
    await vm.mkdir("dir/full", parents=True)
    await vm.symlink("loop", "loop")
    with pytest.raises(FileNotFoundError) as missing:
        await vm.read_file("none")
    assert missing.value.filename == "/home/agentos/none"
    with pytest.raises(FileNotFoundError):
        await vm.write_file("no/such", "")
    with pytest.raises(IsADirectoryError):
        await vm.read_file("dir")
    with pytest.raises(IsADirectoryError):
        await vm.write_file("dir", "")
    with pytest.raises(NotADirectoryError):
        await vm.listdir("/etc/passwd")
    with pytest.raises(FileExistsError):
        await vm.mkdir("dir")
    with pytest.raises(OSError, match="symbolic links") as loop:
        await vm.read_file("loop")
    assert loop.value.errno == errno.ELOOP
    with pytest.raises(OSError, match="not empty"):
        await vm.remove("dir")
    with pytest.raises(FileNotFoundError):
        await vm.remove("none")
    with pytest.raises(FileNotFoundError):
        await vm.remove("none", recursive=True)
    with pytest.raises(FileNotFoundError):
        await vm.move("none", "other")
    with pytest.raises(OSError, match="Invalid argument"):
        await vm.readlink("dir")


async def test_permissions_are_the_users(vm: AgentOs) -> None:
    # With one id mapped, what belongs to the machine's root elsewhere is the user's own.
    system = ("/etc/new", "/new") if os.geteuid() == 0 else ()
    for path in (*system, "/usr/new", "/opt/agentos/new"):
        with pytest.raises(OSError, match=r"Permission denied|Read-only") as refused:
            await vm.write_file(path, "")
        assert refused.value.errno in (errno.EACCES, errno.EROFS)
    await vm.write_file("mine", "x")
    await vm.chmod("mine", 0)
    with pytest.raises(PermissionError):
        await vm.read_file("mine")
    await vm.mkdir("closed", mode=0)
    with pytest.raises(PermissionError):
        await vm.listdir("closed")
    if system:
        with pytest.raises(PermissionError):
            await vm.write_file("/etc/passwd", "")
        with pytest.raises(PermissionError):
            await vm.chmod("/etc/passwd", 0o666)


# ---- no way out ----


@pytest.mark.parametrize(
    "target", ["/etc/passwd", "../" * 30 + "etc/passwd", "/proc/../etc/passwd"]
)
async def test_a_link_stays_within_the_machine(vm: AgentOs, target: str) -> None:
    await vm.symlink(target, "link")
    assert "agentos:x:1000" in await vm.read_text("link")
    assert "agentos:x:1000" in await vm.read_text("/../../" + target)


@pytest.mark.parametrize("magic", ["root", "cwd", "exe", "fd/0", "fd/3", "fd/4", "fd/5", "ns/mnt"])
async def test_magic_links_are_not_followed(vm: AgentOs, magic: str) -> None:
    await vm.symlink(f"/proc/self/{magic}", "magic")
    for path in (f"/proc/1/{magic}", f"/proc/self/{magic}", "magic"):
        with pytest.raises(OSError, match=r"symbolic links|Permission|No such file") as refused:
            await vm.read_file(path)
        assert refused.value.errno in (errno.ELOOP, errno.EACCES, errno.ENOENT)
        with pytest.raises(OSError, match=r"symbolic links|Permission|No such file|Not a dir"):
            await vm.listdir(f"{path}/etc")


async def test_what_is_no_file_is_refused_without_waiting(vm: AgentOs) -> None:
    await vm.exec(
        "mkfifo pipe; python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"sock\")'",
        check=True,
    )
    for path in ("pipe", "sock", "/dev/null", "/dev/zero", "/dev/tty", "/dev/ptmx"):
        with pytest.raises(OSError, match=r"regular file|No such device"):
            await vm.read_file(path)
        with pytest.raises(OSError, match=r"regular file|No such device"):
            await vm.write_file(path, "x")
        with pytest.raises(NotADirectoryError):
            await vm.listdir(path)
    fd = await vm.open_fd("pipe", os.O_RDONLY)  # would otherwise keep init waiting for a writer
    os.close(fd)
    with pytest.raises(OSError, match="No such device"):
        await vm.open_fd("pipe", os.O_WRONLY)
    assert (await vm.exec("echo still here")).stdout == "still here\n"


# ---- space ----


async def test_a_full_machine_says_so_and_goes_on() -> None:
    image = host_image()
    machine = await NamespaceMachine.start(lambda: image, size="4m")
    try:
        vm = AgentOs()
        vm._machine = machine
        with pytest.raises(OSError, match="No space left") as full:
            await vm.write_file("big", b"x" * 8_000_000)
        assert full.value.errno == errno.ENOSPC
        for place in ("/tmp/big", "/dev/shm/big", "/home/agentos/big"):
            assert (await vm.exec(f"head -c 8000000 /dev/zero > {place}")).exit_code != 0
            await vm.remove(place)
        await vm.write_file("small", "fits")
        assert await vm.read_text("small") == "fits"
    finally:
        await machine.close()
        os.close(image.lock)
