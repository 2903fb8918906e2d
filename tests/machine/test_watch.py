"""Watching files: what changes, told by the machine's own kernel."""

from __future__ import annotations

import asyncio
import gc
import itertools
import os
import signal
from pathlib import Path

import pytest

from agentos.errors import MachineError
from agentos.machine.machine import AgentOs
from agentos.machine.watch import Watch
from agentos.machine.watched_tree import FileChange

HOME = "/home/agentos"


async def until(changes: Watch, last: str) -> list[FileChange]:
    """What is reported up to a path that nothing else changes."""
    seen: list[FileChange] = []
    async for change in changes:
        seen.append(change)
        if change.path == last:
            return seen
    raise AssertionError(f"the watch ended after {seen}")


async def said(vm: AgentOs, changes: Watch, command: str) -> list[str]:
    """What is reported of a command, as lines."""
    await vm.exec(f"{command}; touch end", check=True)
    found = (await until(changes, f"{HOME}/end"))[:-1]
    await vm.exec("rm end", check=True)
    await until_deleted(changes, f"{HOME}/end")
    return [_line(change) for change in found]


async def until_deleted(changes: Watch, path: str) -> None:
    async for change in changes:
        if change == FileChange("deleted", path):
            return


def _line(change: FileChange) -> str:
    old = f"{os.path.relpath(change.old_path, HOME)} -> " if change.old_path else ""
    return f"{change.kind} {old}{os.path.relpath(change.path, HOME)}"


async def test_each_kind_of_change(vm: AgentOs) -> None:
    async with vm.watch() as changes:
        assert await said(vm, changes, "echo one > f") == ["created f", "modified f"]
        assert await said(vm, changes, "echo two >> f") == ["modified f"]
        assert await said(vm, changes, "chmod 600 f") == ["modified f"]
        assert await said(vm, changes, "mv f g") == ["moved f -> g"]
        assert await said(vm, changes, "rm g") == ["deleted g"]
        assert await said(vm, changes, "ln -s /etc link; rm link") == [
            "created link",
            "deleted link",
        ]


async def test_the_host_writes_are_seen_too(vm: AgentOs) -> None:
    async with vm.watch() as changes:
        await vm.write_file("f", "content")
        await vm.write_file("end", "")
        found = {_line(change) for change in await until(changes, f"{HOME}/end")}
        assert {"created f", "modified f"} <= found


async def test_directories_that_appear_are_watched(vm: AgentOs) -> None:
    async with vm.watch() as changes:
        await said(vm, changes, "mkdir -p a/b")
        assert await said(vm, changes, "echo x > a/b/f") == ["created a/b/f", "modified a/b/f"]
        assert await said(vm, changes, "rm -r a") == [
            "deleted a/b/f",
            "deleted a/b",
            "deleted a",
        ]


async def test_what_was_made_before_the_watch_stood_is_told_once(vm: AgentOs) -> None:
    """One command makes a tree faster than anybody can watch each of its directories."""
    make = "for i in $(seq 20); do mkdir -p t/$i/a/b; : > t/$i/f; : > t/$i/a/b/g; done"
    async with vm.watch() as changes:
        created = [line for line in await said(vm, changes, make) if line.startswith("created")]
    expected = ["t"]
    for i in range(1, 21):
        expected += [f"t/{i}", f"t/{i}/a", f"t/{i}/a/b", f"t/{i}/f", f"t/{i}/a/b/g"]
    assert sorted(created) == sorted(f"created {path}" for path in expected)


async def test_what_is_made_while_directories_are_looked_into_is_told_once(vm: AgentOs) -> None:
    make = "for i in $(seq 300); do mkdir -p d$i/e; : > d$i/e/f; done; touch end"
    async with vm.watch() as changes, await vm.spawn(make):
        found = [_line(change) for change in await until(changes, f"{HOME}/end")]
        # what is found by looking into the last ones may come later
        while found.count("created d300/e/f") < 1:
            found.append(_line(await anext(changes)))
    created = [line for line in found if line.startswith("created d")]
    assert len(created) == len(set(created))
    assert set(created) >= {f"created d{i}/e/f" for i in range(1, 301)}


async def test_moved_directories_are_followed(vm: AgentOs) -> None:
    await vm.exec("mkdir -p a/b out/x; touch out/x/f", check=True)
    async with vm.watch() as changes:
        assert await said(vm, changes, "mv a c") == ["moved a -> c"]
        assert "created c/b/f" in await said(vm, changes, "touch c/b/f")
        assert await said(vm, changes, "mv c /tmp/c") == ["deleted c"]
        assert await said(vm, changes, "touch /tmp/c/b/g /tmp/c/h") == []
        assert sorted(await said(vm, changes, "mv /tmp/c d")) == [
            "created d",
            "created d/b",
            "created d/b/f",
            "created d/b/g",
            "created d/h",
        ]
        assert await said(vm, changes, "touch d/b/i") == ["created d/b/i", "modified d/b/i"]


async def test_names_that_are_taken_over_keep_apart(vm: AgentOs) -> None:
    async with vm.watch() as changes:
        await said(vm, changes, "mkdir a; mv a b; mkdir a")
        assert "created a/f" in await said(vm, changes, "touch a/f")
        assert "created b/f" in await said(vm, changes, "touch b/f")


async def test_one_directory_only(vm: AgentOs) -> None:
    await vm.exec("mkdir sub", check=True)
    async with vm.watch(".", recursive=False) as changes:
        assert await said(vm, changes, "touch sub/f; mkdir new; touch new/f; rm -r new") == [
            "created new",
            "deleted new",
        ]


async def test_one_file_that_is_replaced(vm: AgentOs) -> None:
    """As editors do: the name counts, whichever file has it."""
    await vm.exec("echo 1 > f; touch other", check=True)
    async with vm.watch("f") as changes:
        await vm.exec("echo 2 >> f; echo x > other; echo 3 > .f; mv .f f; rm f", check=True)
        found = []
        while "deleted f" not in found:
            found.append(_line(await anext(changes)))
    assert found == ["modified f", "created f", "deleted f"]


async def test_odd_names(vm: AgentOs) -> None:
    await vm.mkdir(b"d\xff\n")
    async with vm.watch(b"d\xff\n") as changes:
        await vm.write_file(b"d\xff\n/ \xfe\xe2\x82\xac", "")
        change = await anext(changes)
    assert os.fsencode(change.path) == b"/home/agentos/d\xff\n/ \xfe\xe2\x82\xac"


async def test_what_is_not_there(vm: AgentOs) -> None:
    with pytest.raises(FileNotFoundError):
        async with vm.watch("missing"):
            pass
    with pytest.raises(FileNotFoundError):
        await anext(vm.watch("missing"))


async def test_directories_that_may_not_be_read_are_passed_over(vm: AgentOs) -> None:
    await vm.exec("mkdir a b; chmod 0 a", check=True)
    async with vm.watch() as changes:
        assert "created b/f" in await said(vm, changes, "touch b/f")
    await vm.exec("chmod 700 a", check=True)


async def test_the_end_of_what_is_watched_is_the_end(vm: AgentOs) -> None:
    await vm.exec("mkdir d; touch d/f", check=True)
    async with vm.watch("d") as changes:
        await vm.exec("rm -r d", check=True)
        assert [_line(change) async for change in changes] == ["deleted d/f", "deleted d"]


async def test_a_burst_that_the_kernel_cannot_keep_is_told(vm: AgentOs) -> None:
    """Afterwards the watch goes on, in directories that came during the burst too."""
    most = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    burst = f"my $n; while ($n++ < {most}) {{ open F, '>', 'f' . $n % 2; close F }} mkdir 'late'"
    async with vm.watch() as changes:
        await vm.exec(["perl", "-e", burst], check=True)
        kinds = set()
        while "overflow" not in kinds:
            kinds.add((await anext(changes)).kind)
        await vm.exec("touch end", check=True)
        await until(changes, f"{HOME}/end")
        await vm.exec("touch late/f", check=True)
        await until(changes, f"{HOME}/late/f")


async def test_closing_ends_a_wait(vm: AgentOs) -> None:
    changes = vm.watch()
    waiting = asyncio.ensure_future(anext(changes, None))
    while not vm.channel.discarded:
        await asyncio.sleep(0)
    await changes.aclose()
    assert await waiting is None
    assert [change async for change in changes] == []
    await changes.aclose()


async def test_a_wait_can_be_cancelled_and_nothing_is_missed(vm: AgentOs) -> None:
    make = "for i in $(seq 40); do mkdir -p d$i/e; : > d$i/e/f; done; touch end"
    seen: list[str] = []
    patience = itertools.cycle(range(20))
    async with vm.watch() as changes, await vm.spawn(make):
        while "created end" not in seen or "created d40/e/f" not in seen:
            step = asyncio.ensure_future(anext(changes))
            for _ in range(next(patience)):
                await asyncio.sleep(0)
            step.cancel()
            try:
                seen.append(_line(await step))
            except asyncio.CancelledError:
                continue
    created = [line for line in seen if line.startswith("created d")]
    assert sorted(created) == sorted(
        f"created {path}" for i in range(1, 41) for path in (f"d{i}", f"d{i}/e", f"d{i}/e/f")
    )


async def test_the_end_of_the_machine_is_an_error() -> None:
    async with AgentOs() as vm:
        changes = vm.watch()
        await changes.start()
        waiting = asyncio.ensure_future(anext(changes))
        await asyncio.sleep(0)
        assert vm.channel.init_pid
        os.kill(vm.channel.init_pid, signal.SIGKILL)
        with pytest.raises(MachineError):
            await waiting
        with pytest.raises(MachineError):
            await anext(changes)


def inotify_descriptors() -> int:
    return sum("inotify" in target for target in map(_target, os.listdir("/proc/self/fd")))


def _target(fd: str) -> str:
    try:
        return os.readlink(f"/proc/self/fd/{fd}")
    except FileNotFoundError:
        return ""  # the listing's own


async def test_every_watch_is_let_go(vm: AgentOs) -> None:
    before = inotify_descriptors()
    async with vm.watch():
        assert inotify_descriptors() == before + 1
    await vm.watch().start()  # and dropped
    gc.collect()
    assert inotify_descriptors() == before
    with pytest.raises(FileNotFoundError):
        await vm.watch("missing").start()
    left = vm.watch()
    await left.start()
    await vm.close()
    assert inotify_descriptors() == before
    with pytest.raises(MachineError):
        await anext(left)


async def test_a_link_leads_nowhere_but_in_the_machine(vm: AgentOs, tmp_path: Path) -> None:
    await vm.symlink(str(tmp_path), "link")
    with pytest.raises(FileNotFoundError):
        await vm.watch("link").start()
    await vm.exec(f"mkdir -p {tmp_path}", check=True)
    async with vm.watch("link") as changes:
        (tmp_path / "outside").touch()
        await vm.exec(f"touch {tmp_path}/inside", check=True)
        assert (await anext(changes)).path == f"{HOME}/link/inside"


CHURN = r"""
srand $ARGV[0]; chdir 'w' or die $!;
sub path { join '/', map { ('a' .. 'e')[rand 5] } 0 .. rand 3 }
for (1 .. 300) {
    my ($chance, $one, $other) = (rand, path(), path());
    if ($chance < .4) { my @way; push(@way, $_), mkdir join '/', @way for split '/', $one }
    elsif ($chance < .6) { open my $file, '>', $one }
    elsif ($chance < .8) { rename $one, $other }
    elsif ($chance < .85) { rename $one, '../out' . int rand 5 }
    elsif ($chance < .9) { rename '../out' . int(rand 5), $other }
    elsif ($chance < .95) { system 'rm', '-rf', $one }
    else { unlink $one }
}
mkdir 'end';
"""


def apply(known: set[str], change: FileChange) -> None:
    """Do to a set of paths what was done to the files."""
    gone = change.path if change.kind == "deleted" else change.old_path
    below = {path for path in known if gone and f"{path}/".startswith(f"{gone}/")}
    known -= below
    if change.kind == "moved":
        known -= {path for path in known if f"{path}/".startswith(f"{change.path}/")}
        known |= {change.path + path[len(str(gone)) :] for path in below}
    if change.kind in ("created", "moved"):
        known.add(change.path)


@pytest.mark.parametrize("seed", range(4))
async def test_changes_add_up(vm: AgentOs, seed: int) -> None:
    """Whoever follows them knows the tree, or was told to look for himself."""
    await vm.mkdir("w")
    known: set[str] = set()
    kinds: set[str] = set()
    async with vm.watch("w") as changes, await vm.spawn(["perl", "-e", CHURN, str(seed)]) as churn:
        async for change in changes:
            apply(known, change)
            kinds.add(change.kind)
            if change.path == f"{HOME}/w/end":
                break
        assert await churn.wait() == 0
        await vm.mkdir("w/end/of/all", parents=True)
        while f"{HOME}/w/end/of/all" not in known:  # what is looked into meanwhile comes later
            change = await anext(changes)
            apply(known, change)
            kinds.add(change.kind)
    real = {f"{top}/{name}" async for top, dirs, files in vm.walk("w") for name in dirs + files}
    assert known == real or "overflow" in kinds
