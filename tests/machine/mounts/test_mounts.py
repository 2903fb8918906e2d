"""Mounting and unmounting while a machine runs, and what goes wrong."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.conftest import Footprint

from agentos import Mount
from agentos.errors import MachineError
from agentos.machine.files import MachineNotStarted
from agentos.machine.machine import AgentOs

init_in_sight = pytest.mark.skipif(os.geteuid() != 0, reason="init hides from ordinary users")
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has other users' directories")


async def output(vm: AgentOs, command: str) -> str:
    return (await vm.exec(command, check=True)).stdout


def open_files_of_init(vm: AgentOs) -> int:
    return len(os.listdir(f"/proc/{vm.channel.init_pid}/fd"))


# ---- host directories ----


async def test_one_file_of_the_host(vm: AgentOs, tmp_path: Path) -> None:
    (tmp_path / "config").write_text("one\n")
    await vm.mount(Mount.host(tmp_path / "config", "/etc2/config", read_only=False))
    assert await vm.read_text("/etc2/config") == "one\n"
    await vm.exec("echo two >> /etc2/config", check=True)
    assert (tmp_path / "config").read_text() == "one\ntwo\n"
    await vm.unmount("/etc2/config")
    assert await vm.listdir("/etc2") == []


async def test_what_was_there_comes_back(vm: AgentOs, tmp_path: Path) -> None:
    await vm.mkdir("project")
    await vm.write_file("project/mine", "")
    (tmp_path / "theirs").touch()
    await vm.mount(Mount.host(tmp_path, "project"))
    assert await vm.listdir("project") == ["theirs"]
    await vm.unmount("project")
    assert await vm.listdir("project") == ["mine"]


async def test_links_in_a_host_directory_lead_nowhere_outside(vm: AgentOs, tmp_path: Path) -> None:
    (tmp_path / "shown").mkdir()
    (tmp_path / "secret").write_text("host\n")
    (tmp_path / "shown/link").symlink_to(tmp_path / "secret")
    (tmp_path / "shown/up").symlink_to("../secret")
    await vm.mount(Mount.host(tmp_path / "shown", "/shown"))
    for name in ("link", "up"):
        assert (await vm.exec(f"cat /shown/{name}")).exit_code == 1
        with pytest.raises(FileNotFoundError):
            await vm.read_file(f"/shown/{name}")
    assert (await vm.exec("cat /shown/../secret")).exit_code == 1


async def test_mounts_within_mounts_stay_in_the_machine(
    vm: AgentOs, tmp_path: Path, footprint: Footprint
) -> None:
    (tmp_path / "sub").mkdir()
    await vm.mount(Mount.host(tmp_path, "/outer", read_only=False))
    await vm.mount(Mount.tmpfs("/outer/sub"))
    await vm.exec("touch /outer/sub/inside /outer/outside", check=True)
    assert sorted(os.listdir(tmp_path)) == ["outside", "sub"]
    assert os.listdir(tmp_path / "sub") == []
    assert Footprint.now().mounts == footprint.mounts
    with pytest.raises(OSError, match="force=True") as busy:
        await vm.unmount("/outer")
    assert busy.value.errno == errno.EBUSY
    await vm.unmount("/outer/sub")
    await vm.unmount("/outer")


async def test_programs_gain_nothing_from_a_mount(vm: AgentOs, tmp_path: Path) -> None:
    (tmp_path / "id").write_bytes(Path("/usr/bin/id").read_bytes())
    (tmp_path / "id").chmod(0o4755)
    for read_only in (True, False):
        await vm.mount(Mount.host(tmp_path, "/m", read_only=read_only))
        assert await output(vm, "/m/id -u") == "1000\n"
        options = await output(vm, "grep ' /m ' /proc/self/mountinfo | cut -d ' ' -f 6")
        assert {"nosuid", "nodev"} <= set(options.strip().split(","))
        assert (await vm.exec(["umount", "/m"])).exit_code != 0
        assert (await vm.exec(["mount", "-o", "remount,rw", "/m"])).exit_code != 0
        await vm.unmount("/m")


@as_root
async def test_files_belong_to_the_owner_of_the_directory(vm: AgentOs, tmp_path: Path) -> None:
    for name, uid, gid in (("", 5000, 5001), ("theirs", 5000, 5001), ("others", 6000, 6000)):
        if name:
            (tmp_path / name).touch(mode=0o600)
        os.chown(tmp_path / name, uid, gid)
    await vm.mount(Mount.host(tmp_path, "/m", read_only=False))
    assert (
        await output(vm, "stat -c '%n %u %g' /m/*")
        == "/m/others 65534 65534\n/m/theirs 1000 1000\n"
    )
    await vm.exec("echo x > /m/theirs; echo x > /m/new", check=True)
    assert (await vm.exec("echo x > /m/others")).exit_code != 0
    assert (await vm.exec("cat /m/others")).exit_code != 0
    status = (tmp_path / "new").stat()
    assert (status.st_uid, status.st_gid) == (5000, 5001)


@pytest.fixture
def plain_files(tmp_path: Path) -> Iterator[Path]:
    """A file system whose owners cannot be mapped."""
    place = tmp_path / "ram"
    place.mkdir()
    subprocess.run(["mount", "-t", "ramfs", "ramfs", place], check=True)
    (place / "public").write_text("public\n")
    yield place
    subprocess.run(["umount", place], check=True)


@as_root
async def test_owners_that_cannot_be_mapped(vm: AgentOs, plain_files: Path) -> None:
    with pytest.raises(MachineError, match="owner") as refused:
        await vm.mount(Mount.host(plain_files, "/m", read_only=False))
    assert refused.value.code == "mount_unmappable"
    await vm.mount(Mount.host(plain_files, "/m"))
    assert await vm.read_text("/m/public") == "public\n"
    with pytest.raises(MachineError):  # also when it is somewhere below
        await vm.mount(Mount.host(plain_files.parent, "/n", read_only=False))


@as_root
async def test_mounts_below_a_directory_come_with_it(vm: AgentOs, plain_files: Path) -> None:
    await vm.mount(Mount.host(plain_files.parent, "/m"))
    assert await vm.read_text("/m/ram/public") == "public\n"
    assert (await vm.exec("touch /m/ram/new")).exit_code != 0
    with pytest.raises(OSError, match="force=True"):
        await vm.unmount("/m")
    await vm.unmount("/m", force=True)
    assert not await vm.exists("/m")


# ---- memory and secrets ----


async def test_a_secret_is_not_shown() -> None:
    secret = Mount.secret("key", "s3cret")
    assert "s3cret" not in repr(secret)
    assert secret.target == "/home/agentos/key"


async def test_secrets_of_any_content(vm: AgentOs) -> None:
    for content in (b"", "zażółć", b"\0" * 3_000_000):
        await vm.mount(Mount.secret("key", content))
        expected = content.encode() if isinstance(content, str) else content
        assert await vm.read_file("key") == expected
        await vm.unmount("key")
        assert not await vm.exists("key")


async def test_files_in_memory_are_bounded_in_number_too(vm: AgentOs) -> None:
    await vm.mount(Mount.tmpfs("scratch", size=4096))
    made = await vm.exec(["perl", "-e", "for (1..5000) { open F, '>', \"scratch/$_\" or die $! }"])
    assert made.exit_code != 0
    assert "No space left" in made.stderr


# ---- unmounting ----


async def test_what_is_in_use_is_busy(vm: AgentOs, tmp_path: Path) -> None:
    (tmp_path / "f").write_text("still open\n")
    await vm.mount(Mount.host(tmp_path, "/m"))
    command = "exec 3</m/f; echo up; read line; cat <&3"
    async with await vm.spawn(command) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert await process.stdout.readline() == b"up\n"
        with pytest.raises(OSError, match="in use") as busy:
            await vm.unmount("/m")
        assert (busy.value.errno, busy.value.filename) == (errno.EBUSY, "/m")
        assert await vm.listdir("/m") == ["f"]
        await vm.unmount("/m", force=True)
        assert not await vm.exists("/m")
        process.stdin.write(b"\n")
        assert await process.stdout.readline() == b"still open\n"


async def test_only_mounts_of_ours_are_unmounted(vm: AgentOs) -> None:
    for target in ("/tmp", "/usr", "/opt/agentos", "nothing"):
        with pytest.raises(MachineError) as refused:
            await vm.unmount(target)
        assert refused.value.code == "not_mounted"
    for target in ("/", "/proc", "/proc/sys", "/dev/pts", "//proc", "/usr/../dev"):
        with pytest.raises(MachineError) as refused:
            await vm.unmount(target)
        assert refused.value.code == "mount_refused"


async def test_a_mount_that_the_machine_hid_is_not_taken_for_another(
    vm: AgentOs, tmp_path: Path
) -> None:
    """The machine's user can move the directory that holds a mount, and put a link there."""
    await vm.mount(Mount.host(tmp_path, "a/sys"))
    await vm.exec("mv a b; ln -s /proc a", check=True)
    with pytest.raises(OSError, match="moved away"):
        await vm.unmount("a/sys")
    assert (await vm.exec("echo x > /proc/sys/kernel/hostname")).exit_code != 0
    await vm.exec("rm a; mv b a", check=True)
    await vm.unmount("a/sys")


async def test_directories_that_the_machine_closed_are_no_obstacle(vm: AgentOs) -> None:
    await vm.mount(Mount.secret("a/b/key", "x"))
    await vm.exec("chmod 0 a/b a", check=True)
    await vm.unmount("a/b/key")
    await vm.exec("chmod 700 a; chmod 700 a/b", check=True)
    assert await vm.listdir("a/b") == []


# ---- what is refused ----


@pytest.mark.parametrize("target", ["/", "//", "/x/..", "/proc", "/proc/x", "/dev/shm", "/sys"])
def test_targets_that_no_mount_may_have(target: str, tmp_path: Path) -> None:
    makers: tuple[Callable[[], Mount], ...] = (
        lambda: Mount.host(tmp_path, target),
        lambda: Mount.tmpfs(target),
        lambda: Mount.secret(target, "x"),
        lambda: Mount(str(tmp_path), target),
    )
    for make in makers:
        with pytest.raises(MachineError) as refused:
            make()
        assert refused.value.code == "mount_refused"
        assert refused.value.hint


async def test_links_to_what_no_mount_may_cover(vm: AgentOs, tmp_path: Path) -> None:
    await vm.exec("ln -s /proc p; ln -s / r; ln -s /dev d; mkdir real; ln -s real l", check=True)
    for target in ("p/sys", "p/1", "r/proc", "r/dev", "d/shm", "d/new"):
        with pytest.raises((MachineError, OSError)):
            await vm.mount(Mount.host(tmp_path, target))
    for target in ("p", "r", "l"):
        with pytest.raises(OSError, match="symbolic link"):
            await vm.mount(Mount.host(tmp_path, target))
    assert vm.mounts == ()
    assert (await vm.exec("ls /dev/new")).exit_code != 0
    await vm.mount(Mount.host(tmp_path, "r/home/agentos/l/ok"))  # a link on the way is fine
    assert await vm.listdir("real") == ["ok"]


async def test_sources_that_are_refused(vm: AgentOs, tmp_path: Path) -> None:
    (tmp_path / "root").symlink_to("/")
    with socket.socket(socket.AF_UNIX) as engine:
        engine.bind(str(tmp_path / "docker.sock"))
        os.mkfifo(tmp_path / "pipe")
        refused = ("/", tmp_path / "root", "/proc", "/proc/self", "/sys", "/dev/null", "/dev")
        for source in (*refused, tmp_path / "docker.sock", tmp_path / "pipe"):
            with pytest.raises(MachineError) as error:
                await vm.mount(Mount.host(source, "/m"))
            assert error.value.code == "mount_refused", source
    for source in (tmp_path / "missing", tmp_path / "pipe/below"):
        with pytest.raises((FileNotFoundError, NotADirectoryError)):
            await vm.mount(Mount.host(source, "/m"))
    assert vm.mounts == ()
    assert not await vm.exists("/m")


async def test_files_and_directories_do_not_cover_each_other(vm: AgentOs, tmp_path: Path) -> None:
    await vm.write_file("file", "")
    await vm.mkdir("directory")
    with pytest.raises(NotADirectoryError):
        await vm.mount(Mount.host(tmp_path, "file"))
    with pytest.raises(OSError, match="directory"):
        await vm.mount(Mount.secret("directory", "x"))
    with pytest.raises(NotADirectoryError):
        await vm.mount(Mount.host(tmp_path, "file/below"))
    with pytest.raises(OSError, match="Read-only"):
        await vm.mount(Mount.host(tmp_path, "/usr/share/new/here"))


async def test_one_mount_a_target(vm: AgentOs, tmp_path: Path) -> None:
    await vm.mount(Mount.host(tmp_path, "m"))
    with pytest.raises(MachineError) as refused:
        await vm.mount(Mount.tmpfs("/home/agentos/m/"))
    assert refused.value.code == "mount_exists"
    with pytest.raises(ValueError, match="same target"):
        AgentOs(mounts=[Mount.tmpfs("m"), Mount.tmpfs("./m")])


def test_mounts_that_make_no_sense() -> None:
    with pytest.raises(ValueError, match="source"):
        Mount(None, "/m")
    with pytest.raises(ValueError, match="byte"):
        Mount.tmpfs("/m", size=0)
    with pytest.raises(ValueError, match="NUL"):
        Mount.tmpfs("/m\0")


# ---- the life of a machine ----


async def test_a_machine_lists_its_mounts(tmp_path: Path) -> None:
    first, second = Mount.host(tmp_path, "/m"), Mount.secret("key", "x")
    vm = AgentOs(mounts=[first])
    assert vm.mounts == (first,)
    with pytest.raises(MachineNotStarted):
        await vm.mount(second)
    async with vm:
        await vm.mount(second)
        assert list(vm.mounts) == [first, second]
        await vm.unmount("/m")
        assert vm.mounts == (second,)
    with pytest.raises(MachineError):
        await vm.mount(first)


async def test_a_machine_whose_mounts_fail_is_not_made(tmp_path: Path) -> None:
    before = Footprint.now()
    with pytest.raises(FileNotFoundError):
        await AgentOs.create(mounts=[Mount.tmpfs("m"), Mount.host(tmp_path / "missing", "/m")])
    assert Footprint.now().grown_since(before) == []


@init_in_sight
async def test_nothing_is_left_of_a_mount(vm: AgentOs, tmp_path: Path) -> None:
    assert await vm.listdir() == []  # init keeps the root open from now on
    before, files = Footprint.now(), open_files_of_init(vm)
    for _ in range(5):
        await asyncio.gather(
            vm.mount(Mount.host(tmp_path, "/m")),
            vm.mount(Mount.tmpfs("scratch")),
            vm.mount(Mount.secret("key", "x")),
        )
        for mount in vm.mounts:
            await vm.unmount(mount.target)
    assert Footprint.now().grown_since(before) == []
    assert open_files_of_init(vm) == files
    assert await vm.listdir() == []


@init_in_sight
async def test_a_mount_that_is_cancelled_is_there_or_not(vm: AgentOs) -> None:
    assert await vm.listdir() == []  # init keeps the root open from now on
    before, files = Footprint.now(), open_files_of_init(vm)
    for patience in range(12):
        mounting = asyncio.ensure_future(vm.mount(Mount.secret("key", "x")))
        for _ in range(patience):
            await asyncio.sleep(0)
        mounting.cancel()
        await asyncio.gather(mounting, return_exceptions=True)
        assert await vm.exists("key") == bool(vm.mounts)
        for mount in vm.mounts:
            await vm.unmount(mount.target)
    assert Footprint.now().grown_since(before) == []
    assert open_files_of_init(vm) == files


async def test_a_fork_has_the_same_mounts(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("host\n")
    mounts = [Mount.host(tmp_path, "/m"), Mount.tmpfs("scratch"), Mount.secret("key", "x")]
    async with AgentOs(mounts=mounts) as vm:
        await vm.write_file("scratch/mine", "kept\n")
        (child,) = await vm.fork()
        async with child:
            for machine in (vm, child):
                assert machine.mounts == tuple(mounts)
                assert await machine.read_text("/m/f") == "host\n"
                assert await machine.read_text("key") == "x"
            assert await vm.read_text("scratch/mine") == "kept\n"
            assert await child.listdir("scratch") == []
            for mount in mounts:
                await child.unmount(mount.target)
                await vm.unmount(mount.target)


async def test_changes_in_a_mount_are_watched(vm: AgentOs, tmp_path: Path) -> None:
    """Also those that the host makes."""
    (tmp_path / "sub").mkdir()
    await vm.mount(Mount.host(tmp_path, "/m"))
    async with vm.watch("/m") as changes:
        (tmp_path / "sub/f").touch()
        assert (await anext(changes)).path == "/m/sub/f"
