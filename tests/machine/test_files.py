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
    for path in ("/etc/new", "/usr/new", "/new", "/opt/agentos/new"):
        with pytest.raises(OSError, match=r"Permission denied|Read-only") as refused:
            await vm.write_file(path, "")
        assert refused.value.errno in (errno.EACCES, errno.EROFS)
    with pytest.raises(PermissionError):
        await vm.write_file("/etc/passwd", "")
    await vm.write_file("mine", "x")
    await vm.chmod("mine", 0)
    with pytest.raises(PermissionError):
        await vm.read_file("mine")
    await vm.mkdir("closed", mode=0)
    with pytest.raises(PermissionError):
        await vm.listdir("closed")
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


# ---- directories ----


async def test_mkdir(vm: AgentOs) -> None:
    await vm.mkdir("a/b/c", parents=True)
    await vm.mkdir("a/b/c", parents=True)
    await vm.mkdir("/", parents=True)
    await vm.mkdir("/usr/bin", parents=True)
    await vm.mkdir("private", mode=0o700)
    assert (await vm.stat("private")).mode & 0o777 == 0o700
    await vm.mkdir("slash/")
    with pytest.raises(FileNotFoundError):
        await vm.mkdir("x/y")
    await vm.write_file("file", "")
    with pytest.raises(FileExistsError):
        await vm.mkdir("file", parents=True)
    with pytest.raises(NotADirectoryError):
        await vm.mkdir("file/below", parents=True)


async def test_walk(vm: AgentOs) -> None:
    await vm.exec("mkdir -p t/b/c t/a t/skip/deep; touch t/1 t/b/2 t/skip/3; ln -s /etc t/link")
    found = []
    async for directory, directories, files in vm.walk("t"):
        if "skip" in directories:
            directories.remove("skip")
        found.append((os.path.relpath(directory, "/home/agentos"), list(directories), files))
    assert found == [
        ("t", ["a", "b"], ["1", "link"]),
        ("t/a", [], []),
        ("t/b", ["c"], ["2"]),
        ("t/b/c", [], []),
    ]
    await vm.symlink("t/b", "short")
    assert (await anext(vm.walk("short")))[2] == ["2"]


async def test_a_very_deep_tree(vm: AgentOs) -> None:
    depth = 1500
    await vm.exec(f"mkdir -p {'d/' * depth}", check=True)
    assert sum([1 async for _ in vm.walk("d")]) == depth
    await vm.copy("d", "e")
    assert await vm.exists("e" + "/d" * (depth - 1))
    await vm.remove("d", recursive=True)
    assert await vm.listdir() == ["e"]


async def test_five_thousand_files_are_removed_while_commands_run(vm: AgentOs) -> None:
    await vm.exec(
        "mkdir -p t; cd t; for d in 1 2 3 4 5; do mkdir $d; seq -f $d/%g 1000 | xargs touch; done"
    )
    removal = asyncio.ensure_future(vm.remove("t", recursive=True))
    answers = [await vm.exec("echo here") for _ in range(3)]
    await removal
    assert [answer.stdout for answer in answers] == ["here\n"] * 3
    assert not await vm.exists("t")


async def test_removing_follows_no_link_and_stops_at_the_root(vm: AgentOs) -> None:
    await vm.exec("mkdir -p keep t/sub; touch keep/me; ln -s ../keep t/link; ln -s /etc t/sub/etc")
    await vm.remove("t", recursive=True)
    assert await vm.listdir("keep") == ["me"]
    assert await vm.exists("/etc/passwd")
    await vm.symlink("keep", "link")
    await vm.remove("link", recursive=True)
    assert await vm.exists("keep/me")
    for path in ("/", "//"):
        with pytest.raises(OSError, match="busy"):
            await vm.remove(path, recursive=True)


async def test_a_removal_that_is_killed_says_so(vm: AgentOs) -> None:
    """A program may kill every process of its user, init's helper too."""
    await vm.write_file("kill.py", "import os\nprint('go', flush=True)\nwhile True: os.kill(-1, 9)")
    killer = await vm.spawn(["python3", "kill.py"])
    assert killer.stdout is not None
    assert await killer.stdout.readline() == b"go\n"
    for n in range(20):
        await vm.mkdir(f"t{n}/a/b/c", parents=True)
    ends = await asyncio.gather(
        *(vm.remove(f"t{n}", recursive=True) for n in range(20)), return_exceptions=True
    )
    assert all(end is None or isinstance(end, InterruptedError) for end in ends)


# ---- links, move, copy ----


async def test_links(vm: AgentOs) -> None:
    await vm.symlink("any\nwhere", "link")
    assert await vm.readlink("link") == "any\nwhere"
    with pytest.raises(FileExistsError):
        await vm.symlink("x", "link")
    with pytest.raises(FileNotFoundError):
        await vm.symlink("", "other")
    await vm.remove("link")
    assert await vm.listdir() == []


async def test_move_within_and_across_file_systems(vm: AgentOs) -> None:
    await vm.exec("mkdir -p d/sub; echo x > d/f; chmod 750 d/f; ln -s f d/l; echo y > d/sub/g")
    await vm.move("d", "e")
    await vm.move("e", "/tmp/e")
    assert not await vm.exists("e")
    await vm.move("/tmp/e", "d")
    assert (
        await vm.exec("cat d/f d/sub/g; stat -c %a d/f; readlink d/l")
    ).stdout == "x\ny\n750\nf\n"
    assert await vm.listdir("/tmp") == []
    await vm.write_file("one", "1")
    await vm.write_file("/dev/shm/two", "2")
    await vm.move("/dev/shm/two", "one")
    assert await vm.read_text("one") == "2"


async def test_copy(vm: AgentOs) -> None:
    await vm.exec(
        "mkdir -p s/sub; echo x > s/f; chmod 700 s/f; chmod 750 s/sub; ln -s f s/l; mkfifo s/p;"
        " touch s/sub/g"
    )
    await vm.copy("s", "t")
    await vm.copy("s", "t")  # once more on top of it
    assert await vm.listdir("t") == ["f", "l", "sub"]
    assert (await vm.stat("t/sub")).mode & 0o777 == 0o750
    assert (await vm.exec("cat t/l; stat -c %a t/f; ls t/sub")).stdout == "x\n700\ng\n"
    await vm.copy("/etc/passwd", "passwd")
    assert "agentos" in await vm.read_text("passwd")
    with pytest.raises(OSError, match="into itself"):
        await vm.copy("s", "/home/agentos/s/sub/inner")


async def test_copying_a_file_onto_itself_keeps_it(vm: AgentOs) -> None:
    await vm.write_file("f", "precious")
    await vm.exec("ln -s f link; ln f hard")
    for target in ("f", "link", "hard", "./f"):
        with pytest.raises(OSError, match="same file"):
            await vm.copy("f", target)
    assert await vm.read_text("f") == "precious"


# ---- space ----


async def test_a_full_machine_says_so_and_goes_on() -> None:
    image = host_image()
    machine = await NamespaceMachine.start(image, size="4m")
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
