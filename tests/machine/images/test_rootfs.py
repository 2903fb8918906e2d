"""Images of a root file system in a tar file."""

from __future__ import annotations

import asyncio
import bz2
import gzip
import lzma
import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.conftest import Footprint
from tests.machine.images.conftest import Entry, tar_of

from agentos import AgentOs, MachineError
from agentos.machine import archive
from agentos.machine.images.importing import import_image
from agentos.machine.images.own_files import merged
from agentos.machine.layers.store import LayerStore

needs_ids = pytest.mark.skipif(os.geteuid() != 0, reason="a machine of one id has one owner")


def zstd(content: bytes) -> bytes:
    program = shutil.which("zstd")
    if program is None:
        pytest.skip("needs zstd: sudo apt-get install zstd")
    return subprocess.run([program, "-cq"], input=content, capture_output=True, check=True).stdout


def layer_directories(data: Path) -> list[str]:
    return sorted(path.name for path in (data / "layers").glob("l*"))


async def made_of(tmp_path: Path, *entries: Entry) -> None:
    (tmp_path / "root.tar").write_bytes(tar_of(*entries))
    await import_image("mine", tmp_path / "root.tar")


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress, zstd])
async def test_machine_starts_from_a_tar_file(
    tmp_path: Path, programs: list[Entry], pack: Callable[[bytes], bytes]
) -> None:
    root = tar_of(*programs, Entry("etc"), Entry("etc/marker", b"made here\n", mode=0o644))
    (tmp_path / "root").write_bytes(pack(root))
    await import_image("mine", tmp_path / "root")
    async with AgentOs(image="mine") as vm:
        assert (await vm.exec("cat /etc/marker")).stdout == "made here\n"


async def test_nothing_of_the_host_is_in_it(tmp_path: Path, programs: list[Entry]) -> None:
    await made_of(tmp_path, *programs)
    async with AgentOs(image="mine") as vm:
        tops = {f"/{entry.name.split('/')[0]}" for entry in programs}
        own = {"/dev", "/etc", "/home", "/opt", "/proc", "/run", "/tmp", "/var"}
        assert {f"/{name}" for name in await vm.listdir("/")} == tops | own
        assert set(await vm.listdir("/etc")) == {
            "group",
            "hostname",
            "hosts",
            "passwd",
            "resolv.conf",
        }
        mounts = (await vm.exec("cat /proc/mounts")).stdout.splitlines()
        on_disk = [line.split()[1] for line in mounts if line.startswith("/dev/")]
        assert set(on_disk) <= {"/opt/agentos"}


async def test_the_image_keeps_its_users_and_gets_ours(
    tmp_path: Path, programs: list[Entry]
) -> None:
    users = b"root:x:0:0::/root:/bin/sh\nnode:x:1000:1000::/home/node:/bin/sh\nweb:x:33:33::/:/x\n"
    names = Entry("etc/passwd", users, mode=0o644)
    resolver = Entry("etc/resolv.conf", link="../run/elsewhere")
    await made_of(tmp_path, *programs, Entry("etc"), names, resolver)
    async with AgentOs(image="mine") as vm:
        assert (await vm.exec("id -un; id -gn")).stdout == "agentos\nagentos\n"
        lines = (await vm.read_text("/etc/passwd")).splitlines()
        assert [line.split(":")[0] for line in lines] == [
            "root",
            "agentos",
            "node",
            "web",
            "nobody",
        ]
        assert set(users.decode().splitlines()) < set(lines)
        assert (await vm.read_text("/etc/resolv.conf")).startswith("nameserver ")
        await vm.write_file("note", "home is ours")


def test_users_of_an_image_that_had_ours() -> None:
    ours = "root:x:0:\nagentos:x:1000:\n"
    assert merged("agentos:x:5:\nlast:x:9:", ours) == "last:x:9:\nagentos:x:1000:\nroot:x:0:\n"
    assert merged("", ours) == "agentos:x:1000:\nroot:x:0:\n"


@needs_ids
async def test_owners_and_modes_are_kept(tmp_path: Path, programs: list[Entry]) -> None:
    entries = [
        Entry("srv", mode=0o1770, owner=(33, 44)),
        Entry("srv/tool", b"x", mode=0o4750, owner=(33, 44)),
        Entry("srv/hard", link="srv/tool", type=tarfile.LNKTYPE),
        Entry("srv/soft", link="/etc/passwd"),
    ]
    await made_of(tmp_path, *programs, *entries)
    async with AgentOs(image="mine") as vm:
        shown = await vm.exec("cd /srv; stat -c '%n %u:%g %a %h' . tool", user="root", check=True)
        assert shown.stdout == ". 33:44 1770 2\ntool 33:44 4750 2\n"
        assert (await vm.exec("ls -l /srv/soft", user="root")).stdout.endswith("-> /etc/passwd\n")


async def test_device_nodes_of_the_root_are_left_out(tmp_path: Path, programs: list[Entry]) -> None:
    null = Entry("./dev/null", type=tarfile.CHRTYPE, device=(1, 3))
    disk = Entry("./dev/sda", type=tarfile.BLKTYPE, device=(8, 0))
    await made_of(tmp_path, Entry("./dev"), null, disk, *programs)
    async with AgentOs(image="mine") as vm:
        assert not await vm.exists("/dev/sda")
        assert (await vm.exec("echo gone > /dev/null")).exit_code == 0


@pytest.mark.parametrize(
    "entries",
    [
        [Entry("/etc/evil", b"x")],
        [Entry("../evil", b"x")],
        [Entry("usr/../../evil", b"x")],
        [Entry("l", link="/tmp"), Entry("l/x", b"x")],
        [Entry("l", link="/tmp"), Entry(".//l//x", b"x")],
        [Entry("h", link="/etc/passwd", type=tarfile.LNKTYPE)],
        [Entry("h", link="../etc/passwd", type=tarfile.LNKTYPE)],
        [Entry("l", link="/etc"), Entry("h", link="l/passwd", type=tarfile.LNKTYPE)],
        [Entry("disk", type=tarfile.BLKTYPE, device=(8, 0))],
        [Entry("memory", type=tarfile.CHRTYPE, device=(1, 1))],
        [Entry("usr/.wh...", b"")],
        [Entry("usr/.wh.", b"")],
        [Entry("strange", b"", type=b"Z")],
        [Entry("x", b"x", owner=(70_000, 0))],
    ],
    ids=[
        *("absolute", "above", "dotdot", "behind-link", "behind-link-spelled", "hard", "hard-up"),
        *("hard-behind-link", "block", "char", "hides-parent", "hides-nothing", "kind", "owner"),
    ],
)
async def test_hostile_archives_are_refused(
    tmp_path: Path, data: Path, entries: list[Entry]
) -> None:
    if entries[0].owner[0] and os.geteuid() != 0:
        pytest.skip("a machine of one id has one owner")
    outside = tmp_path / "hostile.tar"
    outside.write_bytes(tar_of(Entry("usr"), *entries))
    with pytest.raises(MachineError) as caught:
        await import_image("evil", outside)
    assert caught.value.code == "archive_unsafe"
    assert layer_directories(data) == []
    assert LayerStore().snapshots() == []


async def test_shared_software_cannot_be_led_elsewhere(
    tmp_path: Path, programs: list[Entry]
) -> None:
    trap = tmp_path / "trap"
    trap.mkdir()
    await made_of(tmp_path, *programs, Entry("opt", link=str(trap)))
    async with AgentOs(image="mine") as vm:
        assert await vm.listdir("/opt") == ["agentos"]
    assert list(trap.iterdir()) == []


async def test_bombs_are_refused(tmp_path: Path, data: Path) -> None:
    bomb = tmp_path / "bomb.tar.gz"
    bomb.write_bytes(gzip.compress(tar_of(Entry("usr"), Entry("usr/big", b"0" * 100_000))))
    with pytest.raises(MachineError) as caught:
        await import_image("bomb", bomb, max_size=50_000)
    assert caught.value.code == "archive_unsafe"
    assert layer_directories(data) == []


async def test_headers_are_bounded(tmp_path: Path, data: Path) -> None:
    (tmp_path / "long.tar").write_bytes(tar_of(Entry("x" * 2_000_000, b"")))
    with pytest.raises(MachineError) as caught:
        await import_image("long", tmp_path / "long.tar")
    assert caught.value.code == "archive_unsafe"
    assert layer_directories(data) == []


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress, zstd])
async def test_damaged_file_is_refused(
    tmp_path: Path, data: Path, pack: Callable[[bytes], bytes]
) -> None:
    content = pack(tar_of(Entry("usr"), Entry("usr/file", os.urandom(200_000))))
    (tmp_path / "half").write_bytes(content[: len(content) // 2])
    with pytest.raises(MachineError) as caught:
        await import_image("half", tmp_path / "half")
    assert caught.value.code == "archive_invalid"
    assert layer_directories(data) == []


@pytest.mark.parametrize(
    "content",
    [b"", b"no tar at all", b"\x1f\x8b garbage", b"BZh9 garbage", b"\x28\xb5\x2f\xfd garbage"],
)
async def test_file_that_is_no_archive(tmp_path: Path, data: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(MachineError) as caught:
        await import_image("name", tmp_path / "file")
    assert caught.value.code == "archive_invalid"
    assert layer_directories(data) == []


async def test_names_are_shared_with_snapshots(tmp_path: Path, programs: list[Entry]) -> None:
    await made_of(tmp_path, *programs)
    with pytest.raises(MachineError) as caught:
        await import_image("mine", tmp_path / "root.tar")
    assert caught.value.code == "snapshot_exists"


async def test_snapshot_of_a_machine_stands_on_its_image(
    tmp_path: Path, programs: list[Entry]
) -> None:
    await made_of(tmp_path, *programs)
    async with AgentOs(image="mine") as vm:
        await vm.write_file("mine", "kept")
        (child,) = await vm.fork()
        await child.snapshot("later")
        await child.close()
    await archive.export("later", tmp_path / "later.tar")
    for name in ("later", "mine"):
        LayerStore().remove(name)
    LayerStore().collect()
    await archive.import_("again", tmp_path / "later.tar")
    async with AgentOs(image="again") as vm:
        assert (await vm.exec("cat mine")).stdout == "kept"
        assert "usr" not in await vm.listdir("/") or not await vm.exists("/usr/bin/python3")


async def test_an_import_that_is_cancelled_leaves_nothing(tmp_path: Path, data: Path) -> None:
    files = [Entry(f"usr/{n}", os.urandom(1_000_000)) for n in range(60)]
    (tmp_path / "root.tar").write_bytes(tar_of(Entry("usr"), *files))
    held = Footprint.now()
    importing = asyncio.create_task(import_image("mine", tmp_path / "root.tar"))
    while not list(data.glob("layers/l*/upper/usr/7")):
        assert not importing.done()
        await asyncio.sleep(0)
    importing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await importing
    assert layer_directories(data) == []
    assert LayerStore().snapshots() == []
    assert Footprint.now().grown_since(held) == []
