"""The AgentOS home in a machine: the same files as on the host, by the same engine."""

from __future__ import annotations

import asyncio
import subprocess
import tomllib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agentos import AgentOs
from agentos.agents.profile import Profile
from agentos.errors import SyncConflict, SyncError
from agentos.home.setup import make_home, plan_home
from agentos.sessions.deploying import STATE, deploy_home, deploy_profile
from agentos.sessions.machine_files import MachineFiles
from agentos.sync.clients import CLIENTS
from agentos.sync.host_files import HostFiles
from agentos.sync.loading import load_source
from agentos.sync.plan import Choices
from agentos.sync.run import Sync
from agentos.sync.store import Store
from agentos.sync.target import Target

HOME = "/home/agentos"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = tmp_path / "AgentOS"
    monkeypatch.setenv("AGENTOS_HOME", str(made))
    monkeypatch.setenv("AGENTOS_STATE_DIR", str(tmp_path / "state"))
    make_home(plan_home(made))
    clients = made / "clients"
    (made / "agentos.toml").write_text("[sync]\nhub = 'none'\n")
    (clients / "shared/AGENTS.md").write_text("Never use em dashes.\n")
    (clients / "shared/skills/ship").mkdir()
    skill = "---\nname: ship\ndescription: How we ship.\n---\n\nYou are {{client}}.\n"
    (clients / "shared/skills/ship/SKILL.md").write_text(skill)
    (clients / "shared/skills/ship/go.sh").write_text("#!/bin/sh\n")
    (clients / "shared/skills/ship/go.sh").chmod(0o755)
    memory = "---\ntype: user\ndescription: Ada drinks tea.\n---\n\nGreen.\n"
    (clients / "shared/memory/tea.md").write_text(memory)
    (clients / "codex/config-fragment.toml").write_text('model_verbosity = "low"\n')
    (clients / "claude/settings.json").write_text('{"cleanupPeriodDays": 365}')
    return made


@pytest.fixture
async def vm() -> AsyncIterator[AgentOs]:
    async with AgentOs() as machine:
        yield machine


@pytest.mark.parametrize("client", ["codex", "claude"])
async def test_a_machine_gets_the_files_that_the_host_gets(
    vm: AgentOs, home: Path, client: str, tmp_path: Path
) -> None:
    await deploy_home(vm, client)
    here = tmp_path / "host"
    here.mkdir()
    source = load_source(home, env={})
    desired = CLIENTS[client].desired(source, CLIENTS[client].places({"HOME": str(here)}))
    sync = Sync(Store(tmp_path / "sync"))
    with sync.alone("push"):
        sync.apply(sync.plan([desired]))
    files = [path for path in here.rglob("*") if path.is_file()]
    assert len(files) > 4
    for path in files:
        there = f"{HOME}/{path.relative_to(here)}"
        text = path.read_text().replace(str(here), HOME)
        assert await vm.read_text(there) == text
        assert (await vm.stat(there)).mode & 0o777 == path.stat().st_mode & 0o777
    # Nothing is left behind, beside them and what is remembered.
    found = await vm.exec(["find", HOME, "-type", "f", "-newer", "/etc/hostname"])
    assert len([line for line in found.stdout.splitlines() if ".tmp" in line]) == 0
    assert await vm.exists(f"{HOME}/{STATE}")


async def test_it_is_brought_up_to_date_and_what_others_wrote_stays(
    vm: AgentOs, home: Path
) -> None:
    config = f"{HOME}/.codex/config.toml"
    await vm.mkdir(f"{HOME}/.codex")
    await vm.write_file(config, b'# mine\nmodel = "x"\n')
    await vm.chmod(config, 0o600)
    await deploy_home(vm)
    await vm.write_file(
        f"{HOME}/.codex/AGENTS.md", b"Mine.\n\n" + await vm.read_file(f"{HOME}/.codex/AGENTS.md")
    )
    (home / "clients/codex/config-fragment.toml").write_text('model_verbosity = "high"\n')
    (home / "clients/shared/AGENTS.md").write_text("Be brief.\n")
    (home / "clients/shared/skills/ship/go.sh").unlink()
    await deploy_home(vm)
    text = await vm.read_text(config)
    assert tomllib.loads(text) == {"model": "x", "model_verbosity": "high"}
    assert "# mine" in text
    assert (await vm.stat(config)).mode & 0o777 == 0o600
    told = await vm.read_text(f"{HOME}/.codex/AGENTS.md")
    assert told.startswith("Mine.\n")
    assert "Be brief." in told
    assert "em dashes" not in told
    assert await vm.listdir(f"{HOME}/.agents/skills/ship") == ["SKILL.md"]


async def test_what_the_machine_changed_is_a_conflict(vm: AgentOs, home: Path) -> None:
    config = f"{HOME}/.codex/config.toml"
    await deploy_home(vm)
    changed = (await vm.read_text(config)).replace('"low"', '"medium"')
    await vm.write_file(config, changed)
    (home / "clients/codex/config-fragment.toml").write_text('model_verbosity = "high"\n')
    with pytest.raises(SyncConflict):
        await deploy_home(vm)
    assert await vm.read_text(config) == changed
    await deploy_home(vm, choices=Choices("ours"))
    assert 'model_verbosity = "high"' in await vm.read_text(config)


async def test_a_link_is_written_through(vm: AgentOs, home: Path) -> None:
    await vm.mkdir(f"{HOME}/dotfiles")
    await vm.write_file(f"{HOME}/dotfiles/codex.toml", b'model = "x"\n')
    await vm.mkdir(f"{HOME}/.codex")
    await vm.symlink("../dotfiles/codex.toml", f"{HOME}/.codex/config.toml")
    await deploy_home(vm)
    assert await vm.readlink(f"{HOME}/.codex/config.toml") == "../dotfiles/codex.toml"
    assert "model_verbosity" in await vm.read_text(f"{HOME}/dotfiles/codex.toml")


@pytest.mark.parametrize("way", ["directory", "loop", "dangling"])
async def test_what_is_in_the_way_is_said_and_nothing_is_written(
    vm: AgentOs, home: Path, way: str
) -> None:
    config = f"{HOME}/.codex/config.toml"
    await vm.mkdir(f"{HOME}/.codex")
    if way == "directory":
        await vm.mkdir(config)
    else:
        await vm.symlink("config.toml" if way == "loop" else "nowhere", config)
    with pytest.raises(SyncError, match="in the machine"):
        await deploy_home(vm)
    assert await vm.listdir(f"{HOME}/.codex") == ["config.toml"]


async def test_what_was_deployed_goes_into_branches(vm: AgentOs, home: Path) -> None:
    await deploy_home(vm)
    [fork] = await vm.fork(1)
    async with fork as branch:
        (home / "clients/codex/config-fragment.toml").write_text("")
        await deploy_home(branch)
        # Only ours was in it, and it was not there before.
        assert not await branch.exists(f"{HOME}/.codex/config.toml")
    assert "model_verbosity" in await vm.read_text(f"{HOME}/.codex/config.toml")


async def test_a_profile_comes_from_the_home_by_its_name(vm: AgentOs, home: Path) -> None:
    path = f"{HOME}/.codex/planner.config.toml"
    await deploy_profile(vm, {}, Profile("planner"))
    assert tomllib.loads(await vm.read_text(path))["model"] == "deepseek/deepseek-v4-flash"
    (home / "agentos.toml").write_text("[profiles.planner]\nmodel = 'next'\n")
    await deploy_profile(vm, {}, Profile("planner"))
    assert tomllib.loads(await vm.read_text(path))["model"] == "next"


async def test_a_profile_of_the_machine_goes_first(vm: AgentOs, home: Path) -> None:
    path = f"{HOME}/.codex/planner.config.toml"
    await vm.mkdir(f"{HOME}/.codex")
    await vm.write_file(path, b'model = "own"\n')
    await deploy_profile(vm, {}, Profile("planner"))
    assert await vm.read_text(path) == 'model = "own"\n'


async def test_a_profile_that_nobody_has_is_not_made(vm: AgentOs, home: Path) -> None:
    await deploy_profile(vm, {}, Profile("nobody"))
    await deploy_profile(vm, {}, Profile("planner", 'model = "given"\n'))
    await deploy_profile(vm, {}, None)
    assert not await vm.exists(f"{HOME}/.codex")


async def test_there_is_no_profile_without_a_home(
    vm: AgentOs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENTOS_HOME", str(tmp_path / "none"))
    await deploy_profile(vm, {}, Profile("planner"))
    assert not await vm.exists(f"{HOME}/.codex")


async def test_a_machines_files_are_listed_as_the_hosts_are(vm: AgentOs, tmp_path: Path) -> None:
    make = """
        mkdir -p top/b/.git top/empty; echo 1 > top/z; echo 2 > top/b/a; echo 3 > top/b/.git/HEAD
        ln -s z top/link; ln -s b top/to-directory; ln -s nowhere top/dangling; ln -s .. top/b/up
    """
    await vm.exec(make, check=True, cwd=HOME)
    await asyncio.to_thread(subprocess.run, ["sh", "-c", make], cwd=tmp_path, check=True)
    inside = MachineFiles(vm, asyncio.get_running_loop())

    def listed(files: Target, top: Path, name: str) -> list[str]:
        found = files.walk(top / name, frozenset((".git",)))
        return sorted(str(each.relative_to(top)) for each in found)

    for name in ("top", "top/z", "top/nowhere"):
        there = await asyncio.to_thread(listed, inside, Path(HOME), name)
        assert there == listed(HostFiles(), tmp_path, name)
    assert await asyncio.to_thread(listed, inside, Path(HOME), "top") == [
        "top/b/a",
        "top/link",
        "top/z",
    ]
