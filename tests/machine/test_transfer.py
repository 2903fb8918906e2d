"""Trees between the host and a machine."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from agentos.machine.machine import AgentOs

ODD = b"odd \xff\n"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A directory of the host with a bit of everything."""
    top = tmp_path / "tree"
    (top / "sub/empty").mkdir(parents=True)
    (top / "sub").chmod(0o700)
    (top / "run.sh").write_text("#!/bin/sh\necho ran\n")
    (top / "run.sh").chmod(0o755)
    (top / "secret").write_text("s")
    (top / "secret").chmod(0o600)
    (top / "big").write_bytes(os.urandom(2**20) * 9)
    (top / "link").symlink_to("sub")
    (top / "dangling").symlink_to("/no/such")
    (top / "sub" / os.fsdecode(ODD)).write_bytes(b"odd")
    os.mkfifo(top / "pipe")
    return top


def listing(top: Path) -> dict[str, object]:
    """Every path below, with its mode and what it holds."""
    found: dict[str, object] = {}
    for directory, names, leaves in os.walk(top):
        for name in names + leaves:
            path = Path(directory, name)
            mode = path.lstat().st_mode
            key = str(path.relative_to(top))
            if stat.S_ISLNK(mode):
                found[key] = os.readlink(path)
            elif stat.S_ISREG(mode):
                found[key] = (stat.S_IMODE(mode), path.read_bytes())
            elif stat.S_ISDIR(mode):
                found[key] = "directory"
    return found


async def test_a_tree_goes_in_and_comes_out_the_same(
    vm: AgentOs, tree: Path, tmp_path: Path
) -> None:
    await vm.upload(tree, "tree")
    assert (await vm.exec("tree/run.sh; ls tree; stat -c %a tree/secret")).stdout.split() == [
        "ran", "big", "dangling", "link", "run.sh", "secret", "sub", "600",
    ]  # fmt: skip
    assert (await vm.stat("tree/sub")).mode & 0o777 == 0o700
    await vm.download("tree", tmp_path / "back")
    assert listing(tmp_path / "back") == listing(tree)
    await vm.upload(tree, "tree")  # over what is there
    await vm.download("tree", tmp_path / "back")
    assert listing(tmp_path / "back") == listing(tree)


async def test_single_files(vm: AgentOs, tree: Path, tmp_path: Path) -> None:
    await vm.upload(tree / "run.sh", "/tmp/run.sh")
    assert (await vm.exec(["/tmp/run.sh"])).stdout == "ran\n"
    await vm.download("/tmp/run.sh", tmp_path / "copy.sh")
    assert (tmp_path / "copy.sh").stat().st_mode & 0o777 == 0o755
    await vm.download("/etc/passwd", tmp_path / "copy.sh")
    assert "agentos" in (tmp_path / "copy.sh").read_text()


async def test_into_the_home_directory(vm: AgentOs, tree: Path) -> None:
    await vm.upload(tree, ".")
    assert "run.sh" in await vm.listdir()


async def test_what_is_missing_or_no_file(vm: AgentOs, tree: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await vm.upload(tree / "none", "x")
    with pytest.raises(FileNotFoundError):
        await vm.download("none", tmp_path / "x")
    with pytest.raises(OSError, match="not a regular file"):
        await vm.upload(tree / "pipe", "x")
    await vm.exec("mkfifo pipe")
    with pytest.raises(OSError, match="not a regular file"):
        await vm.download("pipe", tmp_path / "x")
    assert not (tmp_path / "x").exists()
    with pytest.raises(IsADirectoryError):
        await vm.upload(tree / "run.sh", "/tmp")


async def test_a_machine_cannot_write_outside_the_target(vm: AgentOs, tmp_path: Path) -> None:
    """Its links come out as links, and what came out before is not written through."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "victim").write_text("untouched")
    target = tmp_path / "target"
    await vm.mkdir("out")
    await vm.symlink(str(outside), "out/dir")
    await vm.symlink(str(outside / "victim"), "out/file")
    await vm.download("out", target)
    assert (target / "dir").readlink() == outside
    await vm.remove("out", recursive=True)
    await vm.mkdir("out/dir/sub", parents=True)
    await vm.write_file("out/dir/victim", "overwritten")
    await vm.write_file("out/file", "overwritten")
    await vm.write_file("out/dir/sub/new", "new")
    await vm.download("out", target)
    assert listing(outside) == {"victim": (0o644, b"untouched")}
    assert (target / "dir/victim").read_text() == "overwritten"
    assert (target / "dir/sub/new").read_text() == "new"
    assert (target / "file").read_text() == "overwritten"


async def test_a_directory_that_the_user_linked_is_a_fine_target(
    vm: AgentOs, tmp_path: Path
) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "alias").symlink_to("real")
    await vm.exec("mkdir -p d/sub; touch d/sub/f")
    await vm.download("d", tmp_path / "alias")
    assert (tmp_path / "real/sub/f").exists()


async def test_a_link_in_the_machine_leads_uploads_no_further_than_its_root(
    vm: AgentOs, tmp_path: Path
) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src/f").write_text("x")
    victim = tmp_path / "victim"
    victim.mkdir()
    await vm.symlink(f"/../../../..{victim}", "way-out")
    with pytest.raises(OSError, match=r"No such file|File exists"):
        await vm.upload(tmp_path / "src", "way-out")
    assert list(victim.iterdir()) == []
