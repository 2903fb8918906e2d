"""What a machine changed of its image."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Footprint

from agentos import AgentOs, MachineError
from agentos.machine.changes import Diff
from agentos.machine.layers.changes import read_changes
from agentos.machine.mounts import Mount
from agentos.machine.patch import Change, Entry

HOME = "home/agentos"
BASE = """
    mkdir -p gone/deep kept/sub empty was-dir/x
    echo 1 > gone/one; echo 2 > gone/deep/two; echo 3 > kept/sub/three; echo 4 > was-dir/x/four
    printf 'a\\nb\\nc\\n' > text; echo file > was-file; echo plain > was-plain; ln -s text link
    printf '#!/bin/sh\\n' > run; echo same > same; echo x > 'name with space '; echo y > replaced
    head -c 5000 /dev/urandom > blob; head -c 2000000 /dev/zero > large; ln -s text link-to-file
    printf 'no end' > tail; : > nothing
"""
CHANGES = """
    rm -r gone; rm -r kept; mkdir -p kept/sub; echo new > kept/sub/other; rmdir empty
    rm -r was-dir; echo file > was-dir; rm was-file; mkdir was-file; echo in > was-file/inside
    echo B > new; sed -i s/b/B/ text; ln -sfn run link; chmod +x run; chmod 600 was-plain
    echo same > copy; mv copy same; echo z >> 'name with space '; rm replaced; echo y > replaced
    head -c 5000 /dev/urandom > blob; chmod +x large; rm link-to-file; echo now > link-to-file
    echo more >> tail; rm nothing; mkdir -p added/dir; printf '\\0\\377' > added/binary
    printf '\\303\\251\\n' > added/utf8
"""


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A data directory of the test's own."""
    monkeypatch.setenv("AGENTOS_DATA_DIR", str(tmp_path / "data"))


@pytest.fixture
async def changed(store: None, tmp_path: Path) -> AsyncIterator[AgentOs]:
    """A machine made of a snapshot with `BASE`, in which `CHANGES` was done."""
    async with AgentOs() as vm:
        await vm.exec(BASE, check=True)
        await vm.download("/home/agentos", tmp_path / "base" / HOME)
        await vm.snapshot("base")
    async with AgentOs(image="base") as vm:
        assert (await vm.diff()).changes == ()
        await vm.exec(CHANGES, check=True)
        yield vm


@asynccontextmanager
async def _closed_at_the_end(vm: AgentOs) -> AsyncIterator[None]:
    try:
        yield
    finally:
        await vm.close()


def letters(diff: Diff) -> dict[str, str]:
    """The letter of each path below the home."""
    lines = [line.split(" ", 1) for line in diff.text().splitlines()]
    return {path.removeprefix(f"{HOME}/"): letter for letter, path in lines}


def git_apply(patch: str, top: Path, *options: str) -> bool:
    command = ["git", "apply", *options, "-"]
    done = subprocess.run(command, cwd=top, input=patch.encode(), capture_output=True)
    return done.returncode == 0


async def downloaded(vm: AgentOs, target: Path) -> dict[str, tuple[object, ...]]:
    await vm.download("/home/agentos", target)
    return tree(target)


def tree(top: Path) -> dict[str, tuple[object, ...]]:
    """What git would keep of a directory."""
    return {
        str(path.relative_to(top)): (os.readlink(path),)
        if path.is_symlink()
        else (path.read_bytes(), os.access(path, os.X_OK))
        for path in top.rglob("*")
        if path.is_symlink() or path.is_file()
    }


async def test_untouched_machine_has_no_changes(vm: AgentOs) -> None:
    await vm.exec("cat /etc/hosts; ls -R /etc; touch x; rm x", check=True)
    diff = await vm.diff()
    assert (diff.changes, str(diff), diff.patch()) == ((), "", "")
    assert json.loads(diff.to_json()) == {"changes": []}


async def test_what_changed_since_the_snapshot(changed: AgentOs) -> None:
    assert letters(await changed.diff()) == {
        "added/": "A",
        "added/binary": "A",
        "added/dir/": "A",
        "added/utf8": "A",
        "blob": "M",
        "empty/": "D",
        "gone/": "D",
        "gone/deep/": "D",
        "gone/deep/two": "D",
        "gone/one": "D",
        "kept/sub/other": "A",
        "kept/sub/three": "D",
        "large": "M",
        "link": "M",
        "link-to-file": "M",
        "name with space ": "M",
        "new": "A",
        "nothing": "D",
        "run": "M",
        "tail": "M",
        "text": "M",
        "was-dir": "M",
        "was-dir/x/": "D",
        "was-dir/x/four": "D",
        "was-file/": "M",
        "was-file/inside": "A",
    }


async def test_git_applies_the_patch(changed: AgentOs, tmp_path: Path) -> None:
    diff = await changed.diff()
    base = tmp_path / "base"
    assert git_apply(diff.patch(), base)
    assert tree(base / HOME) == await downloaded(changed, tmp_path / "now")


async def test_a_fork_of_a_fork_has_the_changes_of_all(changed: AgentOs, tmp_path: Path) -> None:
    (child,) = await changed.fork()
    async with _closed_at_the_end(child):
        await child.exec("rm -r added; echo 1 > x; rm text; mkdir gone; echo 1 > gone/one")
        (grandchild,) = await child.fork()
        async with _closed_at_the_end(grandchild):
            await grandchild.exec("rm x; rm -r was-file; echo file > was-file; echo 5 > text")
            diff = await grandchild.diff()
            base = tmp_path / "base"
            assert git_apply(diff.patch(), base)
            assert tree(base / HOME) == await downloaded(grandchild, tmp_path / "now")
            found = letters(diff)
            assert {"x", "added/", "was-file", "gone/", "gone/one"}.isdisjoint(found)
            assert (found["text"], found["gone/deep/two"]) == ("M", "D")
        assert letters(await child.diff())["x"] == "A"


async def test_json_tells_kinds_and_modes(vm: AgentOs) -> None:
    await vm.exec("umask 022; echo x > f; chmod 700 f; ln -s f l; mkfifo p; mkdir d", check=True)
    changes = json.loads((await vm.diff()).to_json())["changes"]
    assert {change["kind"] for change in changes} == {"added"}
    assert {change["path"]: change["new"] for change in changes} == {
        f"{HOME}/d": {"type": "directory", "mode": "0755"},
        f"{HOME}/f": {"type": "file", "mode": "0700"},
        f"{HOME}/l": {"type": "link", "mode": "0777"},
        f"{HOME}/p": {"type": "special", "mode": "0644"},
    }


async def test_large_file_is_named_but_not_kept(vm: AgentOs, tmp_path: Path) -> None:
    await vm.exec("truncate -s 100M sparse; echo x > small", check=True)
    diff = await vm.diff()
    assert [change.new and len(change.new.content) for change in diff.changes] == [2, 0]
    assert f"Binary files /dev/null and b/{HOME}/sparse differ\n" in diff.patch()
    assert not git_apply(diff.patch(), tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert git_apply(diff.patch(), tmp_path, f"--exclude={HOME}/sparse")
    assert tree(tmp_path) == {f"{HOME}/small": (b"x\n", False)}


async def test_what_is_kept_is_bounded_however_much_changed(
    vm: AgentOs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agentos.machine.layers.changes.MOST_KEPT", 3000)
    await vm.exec("for i in 1 2 3 4 5; do head -c 1000 /dev/zero > $i; done", check=True)
    entries = [change.new for change in (await vm.diff()).changes]
    assert sorted(len(entry.content) for entry in entries if entry) == [0, 0, 1000, 1000, 1000]
    assert sum(bool(entry and entry.unread) for entry in entries) == 2


async def test_odd_names(vm: AgentOs, tmp_path: Path) -> None:
    names = ["new\nline", "\udcff\udcfe", 'quo"te\\', "tab\t", " lead", "trail ", "é", "a b/c d"]
    await vm.mkdir("odd/a b", parents=True)
    for name in names:
        await vm.write_file(f"odd/{name}", "x\n")
    diff = await vm.diff()
    assert f'A "{HOME}/odd/new\\nline"\n' in diff.text()
    assert {change["path"] for change in json.loads(diff.to_json())["changes"]} >= {
        f"{HOME}/odd/{name}" for name in names
    }
    assert diff.patch().isascii()
    assert git_apply(diff.patch(), tmp_path)
    assert set(tree(tmp_path)) == {f"{HOME}/odd/{name}" for name in names}


async def test_links_out_are_not_followed(vm: AgentOs) -> None:
    await vm.exec("ln -s /etc etc; ln -s /etc/shadow shadow; ln -s ../../.. up", check=True)
    diff = await vm.diff()
    assert [change.new and change.new.content for change in diff.changes] == [
        b"/etc",
        b"/etc/shadow",
        b"../../..",
    ]


async def test_directory_that_turns_into_a_link_meanwhile(vm: AgentOs) -> None:
    script = "while :; do mkdir d; echo x > d/hostname; rm -r d; ln -s /etc d; rm d; done"
    async with await vm.spawn(script) as busy:
        while not await vm.exists("d"):
            await asyncio.sleep(0)
        for _ in range(100):
            for change in (await vm.diff()).changes:
                expected = {f"{HOME}/d": (b"", b"/etc"), f"{HOME}/d/hostname": (b"", b"x\n")}
                assert change.new
                assert change.new.content in expected[change.path]
        assert busy.exit_code is None


async def test_very_deep_directories(vm: AgentOs) -> None:
    far = "deep/" * 600
    await vm.exec(f"mkdir -p {far}; cd {far}; mkdir -p {far}; cd -P {far}; echo x > f", check=True)
    changes = (await vm.diff()).changes
    assert max(len(change.path) for change in changes) > 4096
    assert [change.new.unread for change in changes if change.new and change.new.unread] == [
        "its path is too long"
    ]


async def test_places_of_mounts_are_no_changes(store: None, tmp_path: Path) -> None:
    (tmp_path / "shown").mkdir()
    mounts = [Mount.host(tmp_path / "shown", "/srv/a/b"), Mount.secret("/srv/key", b"key")]
    async with AgentOs(mounts=mounts) as vm:
        assert (await vm.diff()).text() == ""


async def test_cancelled_diff_leaves_nothing(vm: AgentOs, monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()

    def cancel_and_read(*arguments: Any) -> list[Change]:
        loop.call_soon_threadsafe(reading.cancel)
        return read_changes(*arguments)

    await vm.write_file("x", "y")
    await vm.diff()
    before = Footprint.now()
    with monkeypatch.context() as patched:
        patched.setattr("agentos.machine.changes.read_changes", cancel_and_read)
        reading = asyncio.create_task(vm.diff())
        with pytest.raises(asyncio.CancelledError):
            await reading
    assert Footprint.now().grown_since(before) == []
    assert str(await vm.diff()) == f"A {HOME}/x\n"


def test_lines_that_repeat_without_end_still_make_a_patch(tmp_path: Path) -> None:
    old = b"".join(b"%d\n" % (n % 110) for n in range(20_000))
    new = b"".join(b"%d\n" % (n * n % 110) for n in range(20_000)) + b"end"
    (tmp_path / "file").write_bytes(old)
    assert git_apply(Change("file", Entry(0o100644, old), Entry(0o100644, new)).diff(), tmp_path)
    assert (tmp_path / "file").read_bytes() == new


async def test_closed_machine() -> None:
    async with AgentOs() as vm:
        pass
    with pytest.raises(MachineError):
        await vm.diff()
