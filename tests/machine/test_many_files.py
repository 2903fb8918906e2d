"""Verbs that take many files at once, and directories with what they hold."""

from __future__ import annotations

import os
import signal

import pytest

from agentos.errors import MachineError
from agentos.machine.machine import AgentOs

ISOLATIONS = ("namespace", "gvisor")


async def test_many_files_are_written_and_read_in_one_call(vm: AgentOs) -> None:
    files = {f"d{n % 7}/{n}": f"file {n}\n" for n in range(500)}
    assert [r.path for r in await vm.write_files(files) if r.error is None] == list(files)
    assert (await vm.exec("cat d3/3; find . -type f | wc -l")).stdout == "file 3\n500\n"
    await vm.exec("echo changed > d4/4", check=True)
    texts = [result.text for result in await vm.read_files(files)]
    assert texts == [*list(files.values())[:4], "changed\n", *list(files.values())[5:]]


async def test_each_file_has_its_own_error(vm: AgentOs) -> None:
    await vm.write_files({"dir/f": "f", "file": b"\xff"})
    written = await vm.write_files({"file/below": "", "/usr/f": "", "dir": "", "new/f": "yes"})
    kinds = [type(result.error) for result in written]
    assert kinds[0] is NotADirectoryError
    assert issubclass(kinds[1], OSError)
    assert kinds[2:] == [IsADirectoryError, type(None)]
    read = await vm.read_files(["new/f", "absent", "dir", "file", "new/f", "/dev/null"])
    assert [result.content for result in read] == [b"yes", b"", b"", b"\xff", b"yes", b""]
    assert [type(r.error) for r in read[1:3]] == [FileNotFoundError, IsADirectoryError]
    assert isinstance(read[5].error, OSError)
    assert await vm.read_files([]) == []


async def test_large_files_among_small_ones(vm: AgentOs) -> None:
    large = os.urandom(3_000_000)
    await vm.write_files({"large": large, "small": b"s"})
    assert [r.content for r in await vm.read_files(["small", "large"])] == [b"s", large]


async def test_a_machine_that_ended_is_no_matter_of_one_file(vm: AgentOs) -> None:
    await vm.close()
    with pytest.raises(MachineError):
        await vm.read_files(["a", "b"])


async def test_scandir(vm: AgentOs) -> None:
    await vm.exec("mkdir t t/d; echo 12345 > t/f; ln -s /etc t/link; chmod 600 t/f", check=True)
    entries = await vm.scandir("t")
    assert [(e.name, e.path) for e in entries] == [
        (name, f"/home/agentos/t/{name}") for name in ("d", "f", "link")
    ]
    directory, file, link = (entry.stat for entry in entries)
    assert directory.is_dir
    assert (file.size, file.mode & 0o777, file.uid) == (6, 0o600, 1000)
    assert link.is_symlink
    assert await vm.scandir("t/d") == []
    with pytest.raises(NotADirectoryError):
        await vm.scandir("t/f")


async def test_walk_no_deeper_and_without_some_names(vm: AgentOs) -> None:
    await vm.exec("mkdir -p t/a/b/c t/skip/x; touch t/1 t/2.pyc t/a/3 t/a/b/4.pyc t/a/b/c/5")

    async def seen(**settings: object) -> list[tuple[str, list[str], list[str]]]:
        found = vm.walk("t", **settings)  # type: ignore[arg-type]
        return [(d[len("/home/agentos/") :], n, f) async for d, n, f in found]

    assert await seen(max_depth=0) == [("t", ["a", "skip"], ["1", "2.pyc"])]
    assert await seen(max_depth=1, exclude=["skip", "*.pyc"]) == [
        ("t", ["a"], ["1"]),
        ("t/a", ["b"], ["3"]),
    ]
    assert [d for d, _, _ in await seen(exclude=["a/b", "skip/*"])] == ["t", "t/a", "t/skip"]


async def test_the_tree_of_processes(vm: AgentOs) -> None:
    async with await vm.spawn("sh -c 'sleep 1000 & sleep 1001 & wait' & wait") as process:
        while sum(each.command[:1] == ("sleep",) for each in await vm.processes()) < 2:
            pass
        (top,) = await vm.process_tree()
        assert top.process.pid == process.pid
        (shell,) = top.children
        assert [child.process.command for child in shell.children] == [
            ("sleep", "1000"),
            ("sleep", "1001"),
        ]
        await vm.signal(shell.process.pid, signal.SIGKILL)
        while len(await vm.processes()) != 2:
            pass
        assert all(node.children == () for node in await vm.process_tree())
