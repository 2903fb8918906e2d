"""A directory copied into a machine, its changes shown and brought back."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agentos import AgentOs, MachineError
from agentos.machine.workspace import Workspace, WorkspaceConflict

VM = "/home/agentos/workspace"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    top = tmp_path / "project"
    (top / "src").mkdir(parents=True)
    (top / "README").write_text("one\ntwo\nthree\n")
    (top / "src" / "main.py").write_text("print('old')\n")
    (top / "src" / "gone.py").write_text("x = 1\n")
    (top / "tail").write_text("no newline")
    (top / "link").symlink_to("README")
    (top / ".git").mkdir()
    (top / ".git" / "config").write_text("[core]\n")
    return top


@pytest.fixture
async def vm() -> AsyncIterator[AgentOs]:
    async with AgentOs() as machine:
        yield machine


async def copied(vm: AgentOs, project: Path) -> Workspace:
    workspace = Workspace(vm, project, VM)
    await workspace.copy_in()
    return workspace


async def test_untouched_copy_has_no_changes(vm: AgentOs, project: Path) -> None:
    workspace = await copied(vm, project)
    await vm.exec("touch README; cat src/main.py", cwd=VM, check=True)
    assert await workspace.changes() == []


async def test_changes_are_a_patch_that_git_applies(
    vm: AgentOs, project: Path, tmp_path: Path
) -> None:
    workspace = await copied(vm, project)
    script = """
        sed -i s/two/2/ README; rm src/gone.py; mkdir new; echo hi > new/file
        printf '#!/bin/sh\\n' > run.sh; chmod +x run.sh; printf more >> tail
        printf '\\303\\251\\n' > 'name with space'
    """
    await vm.exec(script, cwd=VM, check=True)
    changes = await workspace.changes()
    kinds = {change.path: change.kind for change in changes}
    assert kinds == {
        "README": "modified",
        "src/gone.py": "deleted",
        "new/file": "added",
        "run.sh": "added",
        "tail": "modified",
        "name with space": "added",
    }
    patch = tmp_path / "patch"
    patch.write_text("".join(change.diff() for change in changes))
    applied = await asyncio.create_subprocess_exec("git", "apply", patch, cwd=project)
    assert await applied.wait() == 0
    assert (project / "README").read_text() == "one\n2\nthree\n"
    assert (project / "tail").read_text() == "no newlinemore"
    assert not (project / "src" / "gone.py").exists()
    assert os.access(project / "run.sh", os.X_OK)


async def test_apply_makes_the_host_as_the_machine(vm: AgentOs, project: Path) -> None:
    (project / "README").chmod(0o600)
    workspace = await copied(vm, project)
    script = "echo new > README; rm -r src; mkdir -p a/b; ln -s ../README a/b/l; chmod +x tail"
    await vm.exec(script, cwd=VM, check=True)
    await workspace.apply(await workspace.changes())
    assert (project / "README").read_text() == "new\n"
    assert stat.S_IMODE((project / "README").stat().st_mode) == 0o600
    assert not (project / "src").exists()
    assert os.readlink(project / "a/b/l") == "../README"
    assert os.access(project / "tail", os.X_OK)
    assert sorted(p.name for p in project.iterdir()) == [".git", "README", "a", "link", "tail"]


async def test_git_directory_is_seen_but_never_brought_back(vm: AgentOs, project: Path) -> None:
    workspace = await copied(vm, project)
    script = """
        cat .git/config; mkdir -p .git/hooks sub/.git
        echo x | tee .git/hooks/pre-commit sub/.git/config
    """
    await vm.exec(script, cwd=VM, check=True)
    assert await workspace.changes() == []


async def test_file_changed_on_the_host_meanwhile_stops_everything(
    vm: AgentOs, project: Path
) -> None:
    workspace = await copied(vm, project)
    await vm.exec("echo agent > README; echo agent > other", cwd=VM, check=True)
    (project / "README").write_text("mine\n")
    with pytest.raises(WorkspaceConflict) as caught:
        await workspace.apply(await workspace.changes())
    assert caught.value.paths == ["README"]
    assert (project / "README").read_text() == "mine\n"
    assert not (project / "other").exists()


@pytest.mark.parametrize("target", ["/etc/passwd", "../../outside", "src/../../x"])
async def test_link_out_of_the_workspace_is_refused(
    vm: AgentOs, project: Path, target: str
) -> None:
    workspace = await copied(vm, project)
    await vm.symlink(target, f"{VM}/escape")
    with pytest.raises(MachineError) as caught:
        await workspace.apply(await workspace.changes())
    assert caught.value.code == "workspace_escape"
    assert not os.path.lexists(project / "escape")


async def test_new_file_behind_a_host_link_is_refused(
    vm: AgentOs, project: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    workspace = await copied(vm, project)
    (project / "dir").symlink_to(outside)
    await vm.exec("mkdir dir; echo x > dir/file", cwd=VM, check=True)
    with pytest.raises(MachineError) as caught:
        await workspace.apply(await workspace.changes())
    assert caught.value.code == "workspace_escape"
    assert list(outside.iterdir()) == []


async def test_binary_and_odd_names(vm: AgentOs, project: Path) -> None:
    workspace = await copied(vm, project)
    await vm.write_file(f"{VM}/blob", b"\0\1\2")
    await vm.write_file(os.path.join(VM, "odd\nname\udcff"), "x\n")
    changes = await workspace.changes()
    assert "Binary files /dev/null and b/blob differ" in changes[0].diff()
    assert '+++ "b/odd\\nname\\377"' in changes[1].diff()
    await workspace.apply(changes)
    assert (project / "blob").read_bytes() == b"\0\1\2"
    assert (project / "odd\nname\udcff").read_text() == "x\n"


async def test_missing_workspace(vm: AgentOs, tmp_path: Path) -> None:
    with pytest.raises(NotADirectoryError):
        await Workspace(vm, tmp_path / "nothing", VM).copy_in()
