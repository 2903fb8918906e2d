"""Directories, links, moving and copying."""

from __future__ import annotations

import asyncio
import os

import pytest

from agentos.machine.machine import AgentOs

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
