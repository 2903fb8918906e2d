"""The same verbs on the files of a real machine."""

from __future__ import annotations

import base64

import pytest
from tests.hub.files.ground import sha256

from agentos import AgentOs
from agentos.errors import FileRefused
from agentos.hub.files.files import MachineFiles


@pytest.fixture
async def inside(vm: AgentOs) -> MachineFiles:
    """The tools on the home of a machine."""
    await vm.mkdir("project/deep", parents=True)
    await vm.write_file("project/a.txt", "one\r\ntwo\r\n")
    await vm.write_file("project/deep/b.py", "def two(): ...\n")
    await vm.write_file("project/.gitignore", "skipped\n")
    await vm.write_file("project/skipped", "two\n")
    return MachineFiles(vm)


async def code_of(work: object) -> str:
    """The code with which something is refused."""
    with pytest.raises(FileRefused) as caught:
        await work  # type: ignore[misc]
    return caught.value.code


async def test_read_and_list(inside: MachineFiles, vm: AgentOs) -> None:
    found = await inside.read("project/a.txt", start_line=2)
    assert (found.text, found.newline) == ("two\r\n", "crlf")
    assert found.sha256 == sha256(b"one\r\ntwo\r\n")
    assert (await inside.read("/home/agentos/project/a.txt")).path == "project/a.txt"
    await vm.write_file("large", b"\0" * 1_000_000)
    assert (await inside.read("large")).truncated
    listed = await inside.list("project", recursive=True)
    assert [entry.path for entry in listed.entries] == [
        "project/a.txt",
        "project/deep",
        "project/deep/b.py",
        "project/skipped",
    ]


async def test_write_and_replace(inside: MachineFiles, vm: AgentOs) -> None:
    await vm.chmod("project/a.txt", 0o750)
    await inside.replace("project/a.txt", "one\ntwo", "1\n2")
    assert await vm.read_file("project/a.txt") == b"1\r\n2\r\n"
    ran = await vm.exec("stat -c '%U %a' project/a.txt; ls -A project")
    assert ran.stdout.split("\n")[:-1] == ["agentos 750", ".gitignore", "a.txt", "deep", "skipped"]
    done = await inside.write("new/deeper/f", "x\n", mkdirs=True)
    assert done.created
    assert (await vm.exec("stat -c '%U %a' new/deeper/f")).stdout == "agentos 644\n"
    data = bytes(range(256))
    await inside.write("binary", base64=base64.b64encode(data).decode())
    assert await vm.read_file("binary") == data
    await vm.symlink("project/a.txt", "link")
    await inside.write("link", "through\n")
    assert await vm.readlink("link") == "project/a.txt"
    assert await vm.read_text("project/a.txt") == "through\r\n"
    assert await code_of(inside.write("project/a.txt", "x", overwrite=False)) == "exists"
    assert await code_of(inside.replace("project/a.txt", "absent", "x")) == "no_match"


async def test_what_is_refused(inside: MachineFiles, vm: AgentOs) -> None:
    await vm.exec("mkfifo pipe", check=True)
    assert await code_of(inside.read("../../etc/passwd")) == "path_outside_roots"
    assert await code_of(inside.read("/etc/passwd")) == "path_outside_roots"
    assert await code_of(inside.read("nope")) == "not_found"
    assert await code_of(inside.read("pipe")) == "not_a_file"
    assert await code_of(inside.write("pipe", "x")) == "not_a_file"
    assert await code_of(inside.read("project")) == "is_a_directory"
    assert await code_of(inside.write(".git/hooks/pre-commit", "x", mkdirs=True)) == (
        "path_protected"
    )
    assert await code_of(inside.write("none/f", "x")) == "not_found"


async def test_links_lead_within_the_machine(inside: MachineFiles, vm: AgentOs) -> None:
    await vm.symlink("/etc/hostname", "link")
    assert (await inside.read("link")).text == (await vm.exec("cat /etc/hostname")).stdout


@pytest.mark.parametrize("ripgrep", [True, False])
async def test_search(ripgrep: bool, inside: MachineFiles) -> None:
    found = await inside.search("two", ripgrep=ripgrep)
    assert [(file.path, [line.line for line in file.lines]) for file in found.files] == [
        ("project/a.txt", [2]),
        ("project/deep/b.py", [1]),
    ]
    assert (await inside.search("^two$", path="project", globs=["*.txt"], ripgrep=ripgrep)).matches
    assert (await inside.search("two", ignored=True, ripgrep=ripgrep)).matches == 3


async def test_the_hosts_files_stay_the_hosts(inside: MachineFiles, vm: AgentOs) -> None:
    """What a session writes lies in the machine alone."""
    await inside.write("only-inside", "x")
    assert await vm.exists("only-inside")
    for path in (__file__, "/root"):
        assert await code_of(inside.read(path)) == "path_outside_roots"
