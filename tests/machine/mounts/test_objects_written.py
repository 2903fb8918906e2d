"""What a machine writes to objects, and who else does."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.machine.mounts.test_objects import contents, tree_of
from tests.s3_server import Bucket, Requests, moto

from agentos import AgentOs, Mount, ObjectStoreError, SyncConflict
from agentos.machine.mounts.objects.collect import collect
from agentos.machine.mounts.objects.sync import sync


def writable(bucket: Bucket, target: str = "/data", prefix: str = "") -> Mount:
    return bucket.mount(target, prefix, read_only=False)


# ---- what is sent ----


async def test_a_program_of_the_machine_writes_objects(bucket: Bucket, vm: AgentOs) -> None:
    for name in ("same", "changed", "removed", "moved"):
        bucket.put(f"work/{name}", name.encode())
    await vm.mount(writable(bucket, prefix="work"))
    await vm.exec(
        "cd /data; echo more >> changed; rm removed; mkdir -p new/dir; mv moved new/dir; "
        "touch same",
        check=True,
    )
    assert bucket.get("work/changed") == b"changed"
    report = await vm.sync_mount("/data")
    assert report.uploaded == ("changed", "new/dir/moved")
    assert report.deleted == ("moved", "removed")
    assert bucket.keys() == ["work/changed", "work/new/dir/moved", "work/same"]
    assert bucket.get("work/changed") == b"changedmore\n"
    assert bucket.get("work/new/dir/moved") == b"moved"
    await vm.write_file("/data/by a verb", "of the host")
    assert (await vm.sync_mount("/data")).uploaded == ("by a verb",)
    assert (await vm.sync_mount("/data")).uploaded == ()


async def test_unmounting_and_closing_send_too(bucket: Bucket, data: Path) -> None:
    async with AgentOs(mounts=[writable(bucket)]) as vm:
        await vm.write_file("/data/first", "1")
        await vm.unmount("/data")
        assert bucket.keys() == ["first"]
        await vm.mount(writable(bucket))
        await vm.exec("echo 2 > /data/second", check=True)
    assert bucket.keys() == ["first", "second"]
    assert list(data.glob("objects/*/trees/*")) == []


async def test_an_unmount_that_is_cancelled_loses_nothing(bucket: Bucket, vm: AgentOs) -> None:
    for patience in range(0, 60, 4):
        await vm.mount(writable(bucket))
        await vm.write_file(f"/data/{patience}", "x")
        unmounting = asyncio.ensure_future(vm.unmount("/data", force=True))
        for _ in range(patience):
            await asyncio.sleep(0)
        unmounting.cancel()
        await asyncio.gather(unmounting, return_exceptions=True)
        if vm.mounts:
            await vm.unmount("/data")
        assert bucket.get(str(patience)) == b"x"


async def test_each_change_of_one_file_is_seen(bucket: Bucket, data: Path) -> None:
    """However soon after the last one, and with the same size."""
    tree = await tree_of(writable(bucket))
    for number in range(20):
        (tree.files / "f").write_text(str(number % 10))
        assert (await sync(tree)).uploaded == ("f",)
        assert bucket.get("f") == str(number % 10).encode()
    tree.remove()


async def test_an_unchanged_mount_asks_the_store_nothing(
    bucket: Bucket, requests: Requests
) -> None:
    bucket.put("a", b"x")
    tree = await tree_of(writable(bucket))
    requests.forget()
    assert (await sync(tree)).uploaded == ()
    assert requests.count("", f"/{bucket.name}") == 0
    tree.remove()


async def test_what_was_sent_is_in_the_cache(bucket: Bucket, requests: Requests) -> None:
    tree = await tree_of(writable(bucket))
    (tree.files / "f").write_bytes(b"written")
    await sync(tree)
    tree.remove()
    requests.forget()
    tree = await tree_of(bucket.mount())
    assert (tree.files / "f").read_bytes() == b"written"
    assert requests.count("GET", f"/{bucket.name}/f") == 0
    tree.remove()


async def test_programs_stay_programs(bucket: Bucket, vm: AgentOs) -> None:
    await vm.mount(writable(bucket))
    await vm.exec("cd /data; echo 'echo ran' > run; chmod +x run; echo x > plain", check=True)
    await vm.unmount("/data")
    await vm.mount(writable(bucket))
    assert (await vm.exec("/data/run")).stdout == "ran\n"
    assert (await vm.exec("/data/plain")).exit_code == 126
    await vm.exec("chmod -x /data/run", check=True)
    assert (await vm.sync_mount("/data")).uploaded == ("run",)
    assert "x-amz-meta-agentos-executable" not in bucket.headers("run")


async def test_metadata_of_others_stays(bucket: Bucket, data: Path) -> None:
    headers = {"Content-Type": "text/html", "Cache-Control": "no-store", "x-amz-meta-owner": "me"}
    bucket.put("page", b"old", **headers)
    tree = await tree_of(writable(bucket))
    (tree.files / "page").write_bytes(b"new")
    (tree.files / "made.json").write_bytes(b"{}")
    await sync(tree)
    found = bucket.headers("page")
    assert {name: found[name.lower()] for name in headers} == headers
    assert bucket.headers("made.json")["content-type"] == "application/json"
    tree.remove()


async def test_what_an_object_store_cannot_hold_is_named(bucket: Bucket, vm: AgentOs) -> None:
    bucket.put("kept", b"x")
    await vm.mount(writable(bucket))
    await vm.exec("cd /data; ln -s /etc link; mkfifo pipe; mkdir empty; rm kept; ln -s x kept")
    report = await vm.sync_mount("/data")
    assert {(one.path, one.reason) for one in report.skipped} == {
        ("kept", "a symbolic link"),
        ("link", "a symbolic link"),
        ("pipe", "a pipe"),
    }
    assert (report.uploaded, report.deleted) == ((), ())
    assert bucket.keys() == ["kept"]


async def test_files_that_no_key_can_name(bucket: Bucket, vm: AgentOs) -> None:
    await vm.mount(writable(bucket))
    await vm.exec(
        r"""cd /data; echo x > "$(printf 'a\tb')"; echo x > $(printf '\377'); echo x > ok""",
        check=True,
    )
    with pytest.raises(ObjectStoreError, match="control character") as failed:
        await vm.sync_mount("/data")
    assert "not UTF-8" in str(failed.value)
    assert failed.value.code == "objects_unsent"
    assert bucket.keys() == ["ok"]
    await vm.exec(r"cd /data; mv a*b c; mv $(printf '\377') d", check=True)
    assert (await vm.sync_mount("/data")).uploaded == ("c", "d")


async def test_links_of_a_machine_lead_nowhere_outside(bucket: Bucket, vm: AgentOs) -> None:
    """Neither instead of a file, nor on the way to one."""
    bucket.put("dir/passwd", b"object")
    await vm.mount(writable(bucket))
    await vm.exec("cd /data; rm -r dir; ln -s /etc dir; ln -s /etc/passwd passwd", check=True)
    report = await vm.sync_mount("/data")
    assert report.uploaded == ()
    assert report.deleted == ("dir/passwd",)
    assert bucket.keys() == []


async def test_directories_deeper_than_any_key(bucket: Bucket, vm: AgentOs) -> None:
    bucket.put("f", b"old")
    await vm.mount(writable(bucket))
    deep = "import os\nfor _ in range(3000): os.mkdir('d'); os.chdir('d')"
    await vm.exec(["python3", "-c", f"{deep}\nopen('f', 'w')"], cwd="/data", check=True)
    with pytest.raises(ObjectStoreError, match="too long for a key"):
        await vm.sync_mount("/data")
    await vm.exec("cd /data && rm -r d && mkdir -p a/b && echo x > a/b/c", check=True)
    assert (await vm.sync_mount("/data")).uploaded == ("a/b/c",)


async def test_a_sync_that_is_cancelled_can_be_repeated(bucket: Bucket, data: Path) -> None:
    tree = await tree_of(writable(bucket))
    names = {str(number) for number in range(100)}
    for name in names:
        (tree.files / name).write_text(name)
    sending = asyncio.ensure_future(sync(tree))
    while not bucket.keys():
        await asyncio.sleep(0)
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    assert not list(data.glob("objects/*/contents/draft-*"))
    sent = len(bucket.keys())
    assert sent < 100
    assert set((await sync(tree)).uploaded) <= names
    assert set(bucket.keys()) == names
    tree.remove()


# ---- others write too ----


async def test_what_others_changed_is_not_overwritten(bucket: Bucket, vm: AgentOs) -> None:
    for name in ("both", "mine", "removed by me", "removed by them"):
        bucket.put(name, b"old")
    await vm.mount(writable(bucket))
    for name in ("both", "new", "removed by me"):
        bucket.put(name, b"theirs")
    bucket.delete("removed by them")
    await vm.exec(
        'cd /data; for f in both mine new "removed by them"; do echo ours > "$f"; done; '
        'rm "removed by me"',
        check=True,
    )
    with pytest.raises(SyncConflict) as conflict:
        await vm.sync_mount("/data")
    assert conflict.value.names == ("both", "new", "removed by me", "removed by them")
    assert "'both', 'new', 'removed by me'" in str(conflict.value)
    assert bucket.get("mine") == b"ours\n"
    for name in ("both", "new", "removed by me"):
        assert bucket.get(name) == b"theirs"
    assert bucket.get("removed by them") is None
    assert conflict.value.kept is not None
    assert (Path(conflict.value.kept) / "both").read_text() == "ours\n"
    with pytest.raises(SyncConflict):
        await vm.unmount("/data")
    assert await vm.read_text("/data/both") == "ours\n"  # still mounted
    with pytest.raises(SyncConflict) as conflict:
        await vm.unmount("/data", force=True)
    assert vm.mounts == ()
    assert conflict.value.kept is not None
    assert (Path(conflict.value.kept) / "new").read_text() == "ours\n"


async def test_the_same_change_is_no_conflict(bucket: Bucket, data: Path) -> None:
    bucket.put("f", b"old")
    trees = [await tree_of(writable(bucket)) for _ in range(2)]
    for tree in trees:
        (tree.files / "f").write_bytes(b"new")
        (tree.files / "g").write_bytes(b"new")
    reports = await asyncio.gather(*map(sync, trees))
    assert [report.uploaded for report in reports] == [("f", "g"), ("f", "g")]
    for tree in trees:
        tree.remove()


async def test_of_two_machines_one_wins(bucket: Bucket, data: Path) -> None:
    for number in range(20):
        bucket.put(str(number), b"old")
    trees = [await tree_of(writable(bucket)) for _ in range(2)]
    for who, tree in enumerate(trees):
        for number in range(20):
            (tree.files / str(number)).write_text(f"machine {who}")
    ends = await asyncio.gather(*map(sync, trees), return_exceptions=True)
    lost = [set(end.names) if isinstance(end, SyncConflict) else set() for end in ends]
    assert sorted(lost[0] | lost[1], key=int) == [str(number) for number in range(20)]
    assert not lost[0] & lost[1]
    for number in range(20):
        winner = 1 if str(number) in lost[0] else 0
        assert bucket.get(str(number)) == f"machine {winner}".encode()
    for tree in trees:
        tree.remove()


# ---- a fork ----


async def test_a_fork_begins_with_the_files_as_they_are(bucket: Bucket, vm: AgentOs) -> None:
    bucket.put("f", b"old")
    await vm.mount(writable(bucket))
    await vm.mount(bucket.mount("/shown"))
    await vm.exec("echo unsent > /data/g; ln -s g /data/l", check=True)
    for running in (False, True):
        if running:
            await vm.spawn(["sleep", "1000"])
        (child,) = await vm.fork()
        async with child:
            assert child.mounts == vm.mounts
            assert await child.read_text("/data/l") == "unsent\n"
            assert await child.read_text("/shown/f") == "old"
            await child.write_file(f"/data/child {running}", "x")
            assert not await vm.exists(f"/data/child {running}")
            assert (await child.exec("touch /shown/x")).exit_code != 0
        assert bucket.get(f"child {running}") == b"x"
    assert bucket.get("g") == b"unsent\n"
    assert (await vm.sync_mount("/data")).uploaded == ("g",)  # the same by now: no conflict


# ---- a server that is gone ----


@pytest.fixture
def mortal(tmp_path: Path, data: Path) -> Iterator[tuple[Bucket, asyncio.Event]]:
    """A bucket of a server that ends when the event is set."""
    server, endpoint = moto(tmp_path / "log")
    bucket = Bucket(endpoint, "mortal")
    bucket.make()

    class End(asyncio.Event):
        def set(self) -> None:
            server.kill()
            server.wait()

    yield bucket, End()
    server.kill()
    server.wait()


async def test_nothing_is_lost_when_the_server_is_gone(
    mortal: tuple[Bucket, asyncio.Event],
) -> None:
    bucket, end = mortal
    bucket.put("old", b"old")
    vm = await AgentOs.create(mounts=[writable(bucket)])
    try:
        await vm.exec("echo 1 > /data/new; rm /data/old; ln -s new /data/link", check=True)
        end.set()
        for verb in (vm.sync_mount, vm.unmount):
            with pytest.raises(ObjectStoreError) as failed:
                await verb("/data")
            assert failed.value.code == "object_store_unreachable"
            assert failed.value.retryable
        assert await vm.read_text("/data/new") == "1\n"
    finally:
        with pytest.raises(ObjectStoreError) as failed:
            await vm.close()
    assert vm.closed
    kept = failed.value.kept
    assert kept is not None
    assert f"kept in {kept}: 'new', 'old'" in str(failed.value)
    assert (Path(kept) / "new").read_text() == "1\n"
    _, unsent = collect()
    assert [(one.url, str(one.place), one.count) for one in unsent] == [("s3://mortal", kept, 2)]
    command = [sys.executable, "-m", "agentos", "gc"]
    told = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True)
    assert f"kept, as s3://mortal has not got it: {kept} (changed: 2)\n" in told.stdout
    assert (Path(kept) / "new").exists()
    shutil.rmtree(Path(kept).parent)
    await vm.close()  # safe to repeat


async def test_a_machine_that_wrote_nothing_needs_no_server(
    mortal: tuple[Bucket, asyncio.Event], data: Path
) -> None:
    bucket, end = mortal
    bucket.put("old", b"old")
    async with AgentOs(mounts=[writable(bucket), bucket.mount("/shown")]) as vm:
        end.set()
        assert await vm.read_text("/shown/old") == "old"
        (child,) = await vm.fork()
        await child.close()
        await vm.unmount("/data")
    assert list(data.glob("objects/*/trees/*")) == []


async def test_files_of_a_process_that_was_killed_are_kept(bucket: Bucket, data: Path) -> None:
    bucket.put("f", b"old")
    unchanged, changed = [await tree_of(writable(bucket)) for _ in range(2)]
    (changed.files / "f").write_bytes(b"new")
    os.mkfifo(changed.files / "pipe")
    broken = await tree_of(writable(bucket))
    (broken.place / "base.json").write_bytes(b"")
    broken.release()
    _, (unknown,) = collect()
    assert (unknown.place, unknown.count) == (broken.files, 1)
    shutil.rmtree(broken.place)
    assert collect() == (0, [])  # both have machines
    unchanged.release()
    changed.release()
    _, (unsent,) = collect()
    assert (unsent.place, unsent.count) == (changed.files, 1)
    assert not unchanged.place.exists()
    assert contents(data)
