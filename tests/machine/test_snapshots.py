"""Snapshots: a machine's files under a name, as images, as tar files."""

from __future__ import annotations

import io
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from agentos import AgentOs, MachineError
from agentos.machine import archive
from agentos.machine.layers.store import LayerStore


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data directory of the test's own."""
    directory = tmp_path / "data"
    monkeypatch.setenv("AGENTOS_DATA_DIR", str(directory))
    return directory


def layer_directories(data: Path) -> list[str]:
    return sorted(path.name for path in (data / "layers").glob("l*"))


async def make(name: str, script: str, image: str = "host") -> None:
    async with AgentOs(image=image) as vm:
        await vm.exec(script, check=True)
        await vm.snapshot(name)


async def test_machine_starts_from_a_snapshot() -> None:
    await make("base", "mkdir d; echo one > d/a; echo two > /tmp/b; chmod 700 d; ln -s d/a link")
    for _ in range(2):
        async with AgentOs(image="base") as vm:
            assert (await vm.exec("cat link /tmp/b; stat -c '%a %U' d")).stdout == (
                "one\ntwo\n700 agentos\n"
            )
            await vm.exec("rm -r d /tmp/b; echo mine > new", check=True)
            assert await vm.listdir() == ["link", "new"]


async def test_snapshot_of_a_snapshot_keeps_deletions() -> None:
    await make("one", "mkdir d; touch d/a d/b; touch kept")
    await make("two", "rm -r d; mkdir d; touch d/c", image="one")
    async with AgentOs(image="two") as vm:
        assert await vm.listdir() == ["d", "kept"]
        assert await vm.listdir("d") == ["c"]
    async with AgentOs(image="one") as vm:
        assert await vm.listdir("d") == ["a", "b"]


async def test_snapshot_of_forks_and_forks_of_snapshots() -> None:
    async with AgentOs() as vm:
        await vm.write_file("generation", "1")
        (child,) = await vm.fork()
        await child.append_file("generation", "2")
        await child.snapshot("forked")
        await child.close()
    async with AgentOs(image="forked") as vm:
        (child,) = await vm.fork()
        await child.append_file("generation", "3")
        assert await child.read_text("generation") == "123"
        assert await vm.read_text("generation") == "12"
        await child.close()


async def test_processes_go_on_after_a_snapshot() -> None:
    async with AgentOs() as vm, await vm.spawn(["cat"]) as cat:
        await vm.snapshot("while-running")
        assert cat.stdin
        assert cat.stdout
        cat.stdin.write(b"still here\n")
        assert await cat.stdout.readline() == b"still here\n"


async def test_snapshot_object_is_an_image() -> None:
    async with AgentOs() as vm:
        await vm.write_file("x", "y")
        snapshot = await vm.snapshot("object")
        assert snapshot.size > 0
    async with AgentOs(image=snapshot) as vm:
        assert await vm.read_text("x") == "y"


async def test_unknown_image_names_the_known() -> None:
    await make("known", "true")
    with pytest.raises(MachineError, match="known") as caught:
        await AgentOs.create(image="unknown")
    assert caught.value.code == "image_unknown"


@pytest.mark.parametrize("name", ["host", "", "a/b", "../x", "-x", "a b"])
async def test_names_that_are_none(vm: AgentOs, name: str) -> None:
    with pytest.raises(MachineError) as caught:
        await vm.snapshot(name)
    assert caught.value.code == "name_invalid"


async def test_name_that_is_taken(vm: AgentOs, data: Path) -> None:
    await vm.snapshot("mine")
    before = layer_directories(data)
    with pytest.raises(MachineError) as caught:
        await vm.snapshot("mine")
    assert caught.value.code == "snapshot_exists"
    assert layer_directories(data) == before


async def test_removed_layers_go_when_nobody_uses_them(data: Path) -> None:
    await make("one", "touch a")
    await make("two", "touch b", image="one")
    store = LayerStore()
    store.remove("one")
    assert store.collect() == []
    async with AgentOs(image="two") as vm:
        store.remove("two")
        assert store.collect() == []
        assert await vm.listdir() == ["a", "b"]
    assert len(store.collect()) == 2
    assert layer_directories(data) == []


async def test_missing_layer_is_a_clear_error(data: Path) -> None:
    await make("broken", "touch a")
    (layer,) = layer_directories(data)
    (data / "layers" / layer).rename(data / "elsewhere")
    with pytest.raises(MachineError) as caught:
        await AgentOs.create(image="broken")
    assert caught.value.code == "layer_missing"


async def test_index_that_is_no_database(data: Path, vm: AgentOs) -> None:
    (data / "layers").mkdir(exist_ok=True)
    (data / "layers" / "index.sqlite").write_bytes(b"garbage" * 1000)
    with pytest.raises(MachineError) as caught:
        await vm.snapshot("name")
    assert caught.value.code == "layer_store"


async def test_export_and_import_keep_everything(tmp_path: Path) -> None:
    await make("one", "mkdir d; echo a > d/a; echo b > d/b; printf x > $(printf 'odd\\377\\nname')")
    script = "rm d/b; rm -r d; mkdir d; echo c > d/c; chmod 4711 d/c; ln d/c hard; ln -s /etc soft"
    await make("two", script, image="one")
    await archive.export("two", tmp_path / "two.tar")
    LayerStore().remove("one")
    LayerStore().remove("two")
    LayerStore().collect()
    imported = await archive.import_("three", tmp_path / "two.tar")
    assert len(imported.layers) == 2
    async with AgentOs(image="three") as vm:
        assert await vm.listdir() == ["d", "hard", "odd\udcff\nname", "soft"]
        assert await vm.listdir("d") == ["c"]
        assert await vm.readlink("soft") == "/etc"
        assert (await vm.stat("hard")).nlink == 2
        assert (await vm.exec("stat -c '%U %a' d/c")).stdout == "agentos 4711\n"


def hostile(path: Path, *members: tuple[str, dict[str, object]]) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, fields in (("0000", {"type": tarfile.DIRTYPE, "mode": 0o755}), *members):
            member = tarfile.TarInfo(name)
            content = fields.pop("content", b"")
            assert isinstance(content, bytes)
            for key, value in fields.items():
                setattr(member, key, value)
            member.size = len(content) if content else member.size
            tar.addfile(member, io.BytesIO(content))
    return path


@pytest.mark.parametrize(
    "members",
    [
        [("/etc/evil", {"content": b"x"})],
        [("0000/../../evil", {"content": b"x"})],
        [("../evil", {"content": b"x"})],
        [("evil", {"content": b"x"})],
        [
            ("0000/l", {"type": tarfile.SYMTYPE, "linkname": "/tmp"}),
            ("0000/l/x", {"content": b"x"}),
        ],
        [("0000/h", {"type": tarfile.LNKTYPE, "linkname": "/etc/passwd"})],
        [("0000/h", {"type": tarfile.LNKTYPE, "linkname": "0000/../../etc/passwd"})],
        [("0000/dev", {"type": tarfile.BLKTYPE, "devmajor": 8, "devminor": 0})],
        [("0000/dev", {"type": tarfile.CHRTYPE, "devmajor": 1, "devminor": 1})],
    ],
    ids=[
        "absolute",
        "dotdot",
        "above",
        "outside",
        "behind-link",
        "hard",
        "hard-up",
        "block",
        "char",
    ],
)
async def test_hostile_archives_are_refused(
    tmp_path: Path, data: Path, members: list[tuple[str, dict[str, object]]]
) -> None:
    copies = [(name, dict(fields)) for name, fields in members]
    tar = hostile(tmp_path / "hostile.tar", *copies)
    with pytest.raises(MachineError) as caught:
        await archive.import_("evil", tar)
    assert caught.value.code == "archive_unsafe"
    assert layer_directories(data) == []
    assert LayerStore().snapshots() == []


async def test_tar_bomb_is_refused(tmp_path: Path, data: Path) -> None:
    tar = hostile(tmp_path / "bomb.tar", ("0000/big", {"content": b"0" * 100_000}))
    with pytest.raises(MachineError) as caught:
        await archive.import_("bomb", tar, max_size=50_000)
    assert caught.value.code == "archive_unsafe"
    assert layer_directories(data) == []


@pytest.mark.parametrize("content", [b"", b"no tar at all", b"\x1f\x8b garbage"])
async def test_file_that_is_no_archive(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(MachineError) as caught:
        await archive.import_("name", tmp_path / "file")
    assert caught.value.code == "archive_invalid"


_SNAPSHOTTER = """
import asyncio, sys
from agentos import AgentOs

async def main():
    async with AgentOs() as vm:
        await vm.exec("for i in $(seq 300); do echo $i > f$i; done", check=True)
        print("ready", flush=True)
        for n in range(1000):
            await vm.snapshot(f"s{n}")

asyncio.run(main())
"""


def test_kill_at_any_moment_leaves_a_store_that_opens(data: Path) -> None:
    for round in range(6):
        running = subprocess.Popen(
            [sys.executable, "-c", _SNAPSHOTTER], stdout=subprocess.PIPE, text=True
        )
        assert running.stdout
        assert running.stdout.readline() == "ready\n"
        store = LayerStore()
        while len(store.snapshots()) < round:
            pass
        os.kill(running.pid, signal.SIGKILL)
        running.wait()
        running.stdout.close()
        for snapshot in store.snapshots():
            for layer in snapshot.layers:
                files = store.upper(layer) / "home/agentos"
                assert len(list(files.iterdir())) == 300
            store.remove(snapshot.name)
        store.collect()
        with sqlite3.connect(data / "layers" / "index.sqlite") as index:
            assert index.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        index.close()


def test_command_line(tmp_path: Path) -> None:
    def agentos(*words: str) -> str:
        ran = subprocess.run(
            [sys.executable, "-m", "agentos", *words], capture_output=True, text=True, check=True
        )
        return ran.stdout

    script = "import asyncio; from tests.machine.test_snapshots import make; "
    script += "asyncio.run(make('mine', 'echo hi > hello'))"
    subprocess.run([sys.executable, "-c", script], check=True, cwd=Path(__file__).parents[2])
    assert agentos("snapshot", "list").split()[0] == "mine"
    assert agentos("snapshot", "diff", "mine") == "A home/agentos/hello\n"
    assert "+hi\n" in agentos("snapshot", "diff", "mine", "--patch")
    assert json.loads(agentos("snapshot", "diff", "mine", "--json"))["changes"]
    agentos("snapshot", "export", "mine", str(tmp_path / "mine.tar"))
    agentos("snapshot", "rm", "mine")
    assert agentos("snapshot", "list") == ""
    agentos("snapshot", "import", "again", str(tmp_path / "mine.tar"))
    assert '"again"' in agentos("snapshot", "list", "--json")
    assert agentos("gc") == "removed 0 layers\n"
