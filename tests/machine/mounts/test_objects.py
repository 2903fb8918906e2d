"""Objects of a real S3 server, read in a machine as files."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from tests.s3_server import KEYS, Bucket, Requests

from agentos import AgentOs, LimitExceeded, Mount, ObjectStoreError
from agentos.errors import MachineError
from agentos.machine.mounts.objects.cache import ObjectCache
from agentos.machine.mounts.objects.collect import collect
from agentos.machine.mounts.objects.source import ObjectSource
from agentos.machine.mounts.objects.tree import ObjectTree


def source_of(mount: Mount) -> ObjectSource:
    assert mount.remote is not None
    return mount.remote


async def tree_of(mount: Mount) -> ObjectTree:
    return await ObjectTree.open(source_of(mount), writable=not mount.read_only)


def contents(data: Path) -> list[Path]:
    return sorted(data.glob("objects/*/contents/*"))


# ---- what a machine sees ----


async def test_a_program_of_the_machine_reads_objects(bucket: Bucket, vm: AgentOs) -> None:
    bucket.put("in/a/one.txt", b"one\n")
    bucket.put("in/two.txt", b"two\n")
    bucket.put("other", b"not below the prefix")
    await vm.mount(bucket.mount("/data", "in/"))
    assert (await vm.exec("cd /data; find . | sort; cat a/one.txt two.txt")).stdout == (
        ".\n./a\n./a/one.txt\n./two.txt\none\ntwo\n"
    )
    assert await vm.read_text("/data/two.txt") == "two\n"
    for change in ("touch /data/new", "rm -f /data/two.txt", "chmod u+w /data/two.txt"):
        assert "Read-only file system" in (await vm.exec(change)).stderr
    assert (await vm.exec("echo x >> /data/two.txt")).exit_code != 0
    await vm.unmount("/data")
    assert not await vm.exists("/data")


async def test_names_of_every_kind(bucket: Bucket, vm: AgentOs) -> None:
    names = ["zażółć gęślą/ jaźń", "a%41+b&c#d?e", "back\\slash", "[x]*", "日本", "-rf", "~"]
    for name in names:
        bucket.put(name, name.encode())
    await vm.mount(bucket.mount())
    for name in names:
        assert await vm.read_text(f"/data/{name}") == name


async def test_keys_that_end_in_a_slash_are_directories(bucket: Bucket, vm: AgentOs) -> None:
    bucket.put("empty/")
    bucket.put("full/")
    bucket.put("full/file", b"x")
    bucket.put("nothing in it")
    await vm.mount(bucket.mount())
    found = (await vm.exec("cd /data; find . -type d | sort; find . -type f | sort")).stdout
    assert found.splitlines() == [".", "./empty", "./full", "./full/file", "./nothing in it"]


async def test_a_prefix_that_was_made_as_a_folder(bucket: Bucket, data: Path) -> None:
    for key in ("in/", "in/f", "inner"):
        bucket.put(key, b"" if key == "in/" else b"x")
    tree = await tree_of(bucket.mount("/data", "in"))
    assert os.listdir(tree.files) == ["f"]
    tree.remove()


async def test_one_object_is_no_directory(bucket: Bucket, data: Path) -> None:
    bucket.put("in/f", b"x")
    with pytest.raises(ObjectStoreError, match=r"include=\['f'\]") as refused:
        await tree_of(bucket.mount("/data", "in/f"))
    assert refused.value.code == "objects_unmountable"
    (await tree_of(bucket.mount("/data", "nothing yet"))).remove()


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        (["a//b"], "a//b"),
        (["../x"], "../x"),
        (["x/../../etc/passwd"], "x/../../etc/passwd"),
        (["a/./b"], "a/./b"),
        (["nul\0x"], "nul"),
        (["/begins"], "'begins' begins or ends with a slash"),
        (["ends/"], "'ends' begins or ends with a slash"),
        (["a", "a/b"], "'a' is an object and a directory of others"),
        (["n" * 256], "more than 255 bytes"),
        (["d/" + "ż" * 128], "more than 255 bytes"),
    ],
)
async def test_keys_that_cannot_be_paths(
    bucket: Bucket, data: Path, keys: list[str], reason: str
) -> None:
    for key in [*keys, "fine"]:
        bucket.put(key, b"content")
    with pytest.raises(ObjectStoreError) as refused:
        await tree_of(bucket.mount())
    assert refused.value.code == "objects_unmountable"
    assert reason in str(refused.value)
    assert refused.value.hint
    assert list(data.glob("objects/*/trees/*")) == []


async def test_an_empty_object_is_no_directory_of_others(bucket: Bucket, data: Path) -> None:
    bucket.put("a")
    bucket.put("a/b", b"x")
    with pytest.raises(ObjectStoreError, match="'a' is an object and a directory"):
        await tree_of(bucket.mount())
    tree = await tree_of(bucket.mount(exclude=["a/*"]))
    assert os.listdir(tree.files) == ["a"]
    tree.remove()


async def test_only_what_is_wanted_is_fetched(bucket: Bucket, data: Path) -> None:
    for name in ("a.csv", "b.txt", "deep/c.csv", "deep/private/d.csv"):
        bucket.put(name, name.encode())
    tree = await tree_of(bucket.mount(include=["*.csv"], exclude=["*/private/*"]))
    found = sorted(str(one.relative_to(tree.files)) for one in tree.files.rglob("*.*"))
    assert found == ["a.csv", "deep/c.csv"]
    assert len(contents(data)) == 2
    tree.remove()


@pytest.mark.parametrize("bound", [{"max_objects": 2}, {"max_bytes": 25}])
async def test_more_than_asked_for_is_not_mounted(
    bucket: Bucket, data: Path, bound: dict[str, Any]
) -> None:
    for name in "abc":
        bucket.put(name, b"0123456789")
    with pytest.raises(LimitExceeded, match="include=") as refused:
        await tree_of(bucket.mount(**bound))
    assert refused.value.limit in bound
    assert contents(data) == []


async def test_many_small_objects(bucket: Bucket, vm: AgentOs) -> None:
    """More than a page of the listing holds."""
    for number in range(1100):
        bucket.put(f"d{number % 7}/{number}", str(number).encode())
    await vm.mount(bucket.mount())
    counted = await vm.exec("find /data -type f | wc -l; cat /data/*/* | wc -c; cat /data/d1/1")
    expected = len("".join(map(str, range(1100))))
    assert counted.stdout.split() == ["1100", str(expected), "1"]


def test_a_large_object_goes_through_little_memory(bucket: Bucket, data: Path) -> None:
    """Read, changed, and sent: 200 MB each way."""
    bucket.put("large", os.urandom(2**20) * 200)
    program = f"""
        import asyncio
        from agentos import Mount, S3Credentials
        from agentos.machine.mounts.objects.sync import sync
        from agentos.machine.mounts.objects.tree import ObjectTree

        def anonymous():
            with open("/proc/self/status") as lines:
                return max(int(l.split()[1]) for l in lines if l.startswith("RssAnon"))

        async def watched(work):
            most, task = 0, asyncio.ensure_future(work)
            while not task.done():
                most = max(most, anonymous())
                await asyncio.wait([task], timeout=0.002)
            return await task, most

        async def main():
            keys = S3Credentials("{KEYS.access_key_id}", "{KEYS.secret_access_key}")
            mount = Mount.objects("{bucket.url}", "/x", read_only=False,
                                  endpoint="{bucket.endpoint}", credentials=keys)
            before = anonymous()
            tree, reading = await watched(ObjectTree.open(mount.remote, writable=True))
            with open(tree.files / "large", "r+b") as file:
                file.write(b"changed")
            report, writing = await watched(sync(tree))
            assert report.uploaded == ("large",)
            tree.remove()
            print(max(reading, writing) - before)

        asyncio.run(main())
    """
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 80 * 1024  # KiB, of 200 MB
    sent = bucket.get("large")
    assert sent is not None
    assert (len(sent), sent[:7]) == (200 * 2**20, b"changed")


# ---- the cache ----


async def test_what_was_fetched_once_is_not_fetched_again(
    bucket: Bucket, data: Path, requests: Requests
) -> None:
    bucket.put("a", b"one")
    bucket.put("b", b"two")
    for expected in (2, 0):
        requests.forget()
        (await tree_of(bucket.mount())).remove()
        assert requests.count("GET", f"/{bucket.name}/") == expected
    bucket.put("b", b"changed")
    requests.forget()
    tree = await tree_of(bucket.mount())
    assert requests.count("GET", f"/{bucket.name}/") == 1
    assert (data / "objects").stat().st_mode & 0o077 == 0
    assert (tree.files / "b").read_bytes() == b"changed"
    tree.remove()


@pytest.mark.parametrize("damage", ["cut", "overwrite"])
async def test_damaged_contents_are_fetched_again(bucket: Bucket, data: Path, damage: str) -> None:
    bucket.put("a", b"content")
    (await tree_of(bucket.mount())).remove()
    (content,) = contents(data)
    content.chmod(0o644)
    content.write_bytes(b"con" if damage == "cut" else b"CONTENT")
    tree = await tree_of(bucket.mount())
    assert (tree.files / "a").read_bytes() == b"content"
    tree.remove()


async def test_machines_share_a_cache_at_once(bucket: Bucket, data: Path) -> None:
    for number in range(30):
        bucket.put(str(number), b"x" * number)
    trees = await asyncio.gather(*(tree_of(bucket.mount()) for _ in range(8)))
    for tree in trees:
        sizes = {one.name: one.stat().st_size for one in tree.files.iterdir()}
        assert sizes == {str(number): number for number in range(30)}
        tree.remove()
    assert len(contents(data)) == 30


async def test_what_one_machine_writes_is_not_in_the_cache(bucket: Bucket, data: Path) -> None:
    bucket.put("a", b"theirs")
    writable = await tree_of(bucket.mount(read_only=False))
    (writable.files / "a").write_bytes(b"edited")
    other = await tree_of(bucket.mount())
    assert (other.files / "a").read_bytes() == b"theirs"
    writable.remove()
    other.remove()


async def test_an_interrupted_download_leaves_nothing(bucket: Bucket, data: Path) -> None:
    bucket.put("large", b"0" * 40 * 2**20)
    opening = asyncio.ensure_future(tree_of(bucket.mount()))
    while not contents(data):
        await asyncio.sleep(0.001)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    assert contents(data) == []
    assert list(data.glob("objects/*/trees/*")) == []


async def test_a_collection_removes_what_is_old_and_not_in_use(bucket: Bucket, data: Path) -> None:
    for name in ("shown", "old", "recent"):
        bucket.put(name, name.encode())
    (await tree_of(bucket.mount())).remove()
    tree = await tree_of(bucket.mount(include=["shown"]))
    for content in contents(data):
        if content.read_bytes() != b"recent":
            os.utime(content, ns=(0, content.stat().st_mtime_ns))
    removed, unsent = collect()
    assert (removed, unsent) == (len(b"old"), [])
    assert (tree.files / "shown").read_bytes() == b"shown"
    assert sorted(one.read_bytes() for one in contents(data)) == [b"recent", b"shown"]
    tree.release()  # as if its machine's process had been killed
    collect()
    assert not tree.place.exists()


async def test_a_content_that_goes_meanwhile_is_fetched_again(
    bucket: Bucket, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.put("a", b"content")
    (await tree_of(bucket.mount())).remove()
    found = ObjectCache.find

    def found_and_gone(cache: ObjectCache, *version: object) -> Path | None:
        content = found(cache, *version)  # type: ignore[arg-type]
        if content:
            content.unlink()
        return content

    monkeypatch.setattr(ObjectCache, "find", found_and_gone)
    tree = await tree_of(bucket.mount())
    assert (tree.files / "a").read_bytes() == b"content"
    tree.remove()


# ---- what makes no sense ----


@pytest.mark.parametrize(
    "url", ["s3:bucket", "https://x/y", "s3://", "s3://a", "s3://bu cket", "s3://bucket/a//b"]
)
def test_urls_that_name_nothing(url: str) -> None:
    with pytest.raises(ValueError, match=r"s3|bucket|prefix"):
        Mount.objects(url, "/data")


async def test_only_objects_that_may_be_written_are_sent(bucket: Bucket, vm: AgentOs) -> None:
    await vm.mount(bucket.mount())
    await vm.mount(Mount.tmpfs("/scratch"))
    for target in ("/data", "/scratch", "/nothing"):
        with pytest.raises(MachineError) as refused:
            await vm.sync_mount(target)
        assert refused.value.code == "mount_not_synced"


async def test_a_failed_mount_leaves_no_directory(bucket: Bucket, data: Path) -> None:
    async with AgentOs() as vm:
        await vm.symlink("/tmp", "link")
        with pytest.raises(OSError, match="symbolic link"):
            await vm.mount(bucket.mount("link"))
        assert list(data.glob("objects/*/trees/*")) == []
