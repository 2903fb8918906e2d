"""Sync over REST: what is looked at is what is done, and nothing else."""

from __future__ import annotations

import os
import random
import string
import tomllib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from agentos.hub.scopes import Scope
from agentos.sync import standing
from agentos.sync.lock import lock
from agentos.sync.workstation import Workstation

if TYPE_CHECKING:
    from tests.hub.conftest import Asking, Started

CONFIG = """# mine, and it stays
model = "gpt-5.5"   # as I like it

[mcp_servers.other] # another
command = "other"
"""

SKILL = "---\nname: tidy\ndescription: To tidy up.\n---\nTidy.\n"


@dataclass
class Desk:
    """A user's clients and AgentOS home, and the hub that serves them."""

    user: Path
    home: Path
    asking: Asking

    @property
    def config(self) -> Path:
        return self.user / ".codex/config.toml"

    def fragment(self, text: str) -> None:
        (self.home / "clients/codex/config-fragment.toml").write_text(text)

    async def get(self, path: str, status: int = 200) -> Any:
        answer = await self.asking.ask("GET", f"/api/v1/sync/{path}")
        assert answer.status_code == status, answer.text
        return answer.json()

    async def post(self, verb: str, status: int = 200, **body: object) -> Any:
        answer = await self.asking.ask("POST", f"/api/v1/sync/{verb}", body=body)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def push(self) -> Any:
        return await self.post("push", digest=(await self.get("plan"))["digest"])

    async def standing(self, client: str = "codex") -> Any:
        clients = (await self.get("status"))["clients"]
        return next(each for each in clients if each["client"] == client)


Sit = Callable[[], AbstractAsyncContextManager[Desk]]


@pytest.fixture
def sit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asking: Started) -> Sit:
    user, home = tmp_path / "user", tmp_path / "home"
    for name, value in (
        ("HOME", str(user)),
        ("PATH", os.defpath),
        ("AGENTOS_HOME", str(home)),
        ("AGENTOS_STATE_DIR", str(tmp_path / "state")),
    ):
        monkeypatch.setenv(name, value)
    for name in ("CODEX_HOME", "CLAUDE_CONFIG_DIR", "AGENTOS_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)
    (home / "clients/codex").mkdir(parents=True)
    (home / "agentos.toml").write_text('[sync]\nclients = ["codex", "claude"]\nhub = "none"\n')
    (user / ".codex").mkdir(parents=True)

    @asynccontextmanager
    async def start() -> AsyncIterator[Desk]:
        async with asking() as found:
            desk = Desk(user, home, found)
            desk.fragment('approval_policy = "never"\n')
            desk.config.write_text(CONFIG)
            yield desk

    return start


async def test_what_was_looked_at_is_pushed_and_undone_exactly(sit: Sit) -> None:
    async with sit() as desk:
        assert (await desk.standing())["state"] == "drift"
        plan = await desk.get("plan?client=codex")
        file = next(each for each in plan["files"] if each["path"] == str(desk.config))
        (change,) = file["changes"]
        assert (change["name"], change["action"], change["moved"]) == (
            "approval_policy",
            "add",
            "source",
        )
        assert change["before"]["there"] is False
        assert change["after"]["text"] == '"never"'
        assert '+approval_policy = "never"' in file["diff"]
        done = await desk.post("push", digest=plan["digest"], clients=["codex"])
        assert done["backup"] == 1
        assert desk.config.read_text().startswith(CONFIG.split("\n[")[0])
        found = await desk.standing()
        assert (found["state"], found["drift"]) == ("in_sync", 0)
        assert found["last_applied_at"] is not None
        assert (await desk.get("plan?client=codex"))["in_sync"]

        (backup,) = (await desk.get("history"))["backups"]
        assert str(desk.config) in backup["files"]
        undo = await desk.get("undo")
        restored = next(each for each in undo["files"] if each["path"] == str(desk.config))
        assert '-approval_policy = "never"' in restored["diff"]
        assert not restored["changed_since"]
        await desk.post("undo", digest=undo["digest"])
        assert desk.config.read_text() == CONFIG
        assert (await desk.get("history"))["backups"] == []
        assert (await desk.get("undo", status=409))["error"]["code"] == "no_backup"


async def test_nothing_is_done_that_was_not_looked_at(sit: Sit) -> None:
    async with sit() as desk:
        seen = (await desk.get("plan"))["digest"]
        changed = CONFIG.replace("gpt-5.5", "gpt-6")
        desk.config.write_text(changed)
        for verb in ("push", "clean"):
            refused = await desk.post(verb, status=409, digest=seen)
            assert refused["error"]["code"] == "plan_changed"
        assert desk.config.read_text() == changed
        # What a push was looked at for is no leave for a clean.
        seen = (await desk.get("plan"))["digest"]
        await desk.post("clean", status=409, digest=seen)
        await desk.push()
        undo = await desk.get("undo")
        desk.config.write_text(CONFIG)
        await desk.post("undo", status=409, digest=undo["digest"])
        undo = await desk.get("undo")
        assert [each["changed_since"] for each in undo["files"]].count(True) == 1
        refused = await desk.post("undo", status=409, digest=undo["digest"])
        assert refused["error"]["code"] == "sync_conflict"
        undo = await desk.get("undo?side=theirs")
        await desk.post("undo", digest=undo["digest"], side="theirs")
        assert desk.config.read_text() == CONFIG


@pytest.mark.parametrize("choice", ["ours", "theirs"])
async def test_one_conflict_is_settled_and_all_else_stays(sit: Sit, choice: str) -> None:
    async with sit() as desk:
        await desk.push()
        mine = desk.config.read_text().replace('"never"', '"on-request"')
        desk.config.write_text(mine)
        # Two more things that are not in step: another conflict, and a change of the source's.
        desk.fragment('approval_policy = "untrusted"\nsandbox_mode = "read-only"\nmodel = "o"\n')
        found = await desk.standing()
        assert (found["state"], found["drift"], found["conflicts"]) == ("conflict", 1, 2)
        plan = await desk.get("plan")
        first = plan["files"][0]
        conflict = next(each for each in first["conflicts"] if each["name"] == "approval_policy")
        assert conflict["ours"]["text"] == '"untrusted"'
        assert conflict["theirs"]["text"] == '"on-request"'
        asked = {
            "client": conflict["client"],
            "file": first["path"],
            "key": conflict["name"],
            "choice": choice,
        }
        await desk.post("resolve", status=409, digest="0" * 32, **asked)
        done = await desk.post("resolve", digest=plan["digest"], **asked)
        if choice == "ours":
            expected = mine.replace('"on-request"', '"untrusted"')
            assert done["files"] == [str(desk.config)]
        else:
            expected = mine
            assert done == {"backup": None, "files": []}
        assert desk.config.read_text() == expected
        plan = await desk.get("plan")
        (conflict,) = plan["files"][0]["conflicts"]
        assert conflict["name"] == "model"
        taken = {"client": "codex", "path": str(desk.config), "name": "approval_policy"}
        assert (taken in plan["yielded"]) == (choice == "theirs")
        refused = await desk.post("resolve", status=400, digest=plan["digest"], **asked)
        assert refused["error"]["code"] == "no_conflict"
        if choice == "theirs":
            asked["choice"] = "ours"
            await desk.post("resolve", digest=plan["digest"], **asked)
            assert 'approval_policy = "untrusted"' in desk.config.read_text()


async def test_whole_files_are_shown_beside_each_other(sit: Sit) -> None:
    async with sit() as desk:
        skill = desk.home / "clients/shared/skills/ship"
        skill.mkdir(parents=True)
        head = "---\nname: ship\ndescription: Ships a release, when asked to.\n---\n\n"
        (skill / "SKILL.md").write_text(f"{head}Ours.\n")
        (skill / "logo.bin").write_bytes(b"\0\xff")
        theirs = desk.user / ".claude/skills/ship/SKILL.md"
        theirs.parent.mkdir(parents=True)
        theirs.write_text("Theirs.\n")
        plan = await desk.get("plan?client=claude")
        first = plan["files"][0]
        assert first["path"] == str(theirs)
        (conflict,) = first["conflicts"]
        assert conflict["name"] == ""
        assert conflict["ours"]["text"].endswith("Ours.\n")
        assert conflict["theirs"]["text"] == "Theirs.\n"
        binary = next(each for each in plan["files"] if each["path"].endswith("logo.bin"))
        assert (binary["becomes"], binary["binary"], binary["diff"]) == ("made", True, "")
        pages, after = [], ""
        while after is not None:
            page = await desk.get(f"plan?client=claude&limit=1{after}")
            pages += page["files"]
            after = page["next"] and f"&after={page['next']}"
        assert pages == plan["files"]


async def test_a_pull_brings_what_was_looked_at_and_no_secret(sit: Sit) -> None:
    async with sit() as desk:
        await desk.push()
        notes = desk.user / ".codex/memories/note.md"
        notes.parent.mkdir(parents=True)
        notes.write_text("Ada likes tests.\n")
        plan = await desk.get("pull?client=codex")
        assert {"client": "codex", "path": "memory/note.md", "size": 17, "state": "new"} in plan[
            "files"
        ]
        notes.write_text("Ada likes tests!\n")
        await desk.post("pull", status=409, digest=plan["digest"], clients=["codex"])
        plan = await desk.get("pull?client=codex")
        await desk.post("pull", digest=plan["digest"], clients=["codex"])
        pulled = desk.home / "clients/codex/pulled/memory/note.md"
        assert pulled.read_text() == "Ada likes tests!\n"
        states = {each["state"] for each in (await desk.get("pull?client=codex"))["files"]}
        assert states == {"same"}
        letters = random.Random(1).choices(string.ascii_letters + string.digits, k=36)
        notes.write_text(f"key = ghp_{''.join(letters)}\n")
        refused = await desk.get("pull?client=codex", status=400)
        assert refused["error"]["code"] == "secrets_found"


async def test_a_broken_file_is_told_of_its_client_alone(sit: Sit) -> None:
    async with sit() as desk:
        await desk.push()
        desk.config.write_text("model = \n")
        found = await desk.standing()
        assert found["state"] == "error"
        assert "config.toml:1" in found["error"]["message"]
        assert (await desk.standing("claude"))["state"] == "in_sync"
        refused = await desk.get("plan", status=400)
        assert refused["error"]["code"] == "malformed"
        await desk.get("plan?client=claude")
        assert (await desk.get("plan?client=nobody", status=400))["error"]["code"] == "no_client"


async def test_another_sync_keeps_this_one_out(sit: Sit, tmp_path: Path) -> None:
    async with sit() as desk:
        digest = (await desk.get("plan"))["digest"]
        with lock(tmp_path / "state/sync/lock", "push"):
            refused = await desk.post("push", status=409, digest=digest)
        assert refused["error"]["code"] == "locked"
        assert desk.config.read_text() == CONFIG
        await desk.post("push", digest=digest)


async def test_a_status_that_nothing_changed_is_not_worked_out_again(
    sit: Sit, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned: list[int] = []
    real = Workstation.deployed

    def counting(self: Workstation, clients: list[str] | None = None) -> Any:
        planned.append(1)
        return real(self, clients)

    monkeypatch.setattr(Workstation, "deployed", counting)
    monkeypatch.setattr(standing, "_RACY_NS", -(10**18))  # files are never too fresh
    async with sit() as desk:
        elsewhere = desk.user / "skills/tidy"
        elsewhere.mkdir(parents=True)
        (elsewhere / "SKILL.md").write_text(SKILL)
        (desk.home / "clients/shared/skills").mkdir(parents=True)
        (desk.home / "clients/shared/skills/tidy").symlink_to(elsewhere)
        first = await desk.get("status")
        assert await desk.get("status") == first
        assert len(planned) == 1
        for change in (
            lambda: desk.config.write_text(CONFIG + "\n"),
            lambda: desk.fragment('approval_policy = "untrusted"\n'),
            lambda: (desk.user / ".codex/AGENTS.md").write_text("mine\n"),
            lambda: (elsewhere / "SKILL.md").write_text(f"{SKILL}More.\n"),
        ):
            change()
            before = len(planned)
            await desk.get("status")
            await desk.get("status")
            assert len(planned) == before + 1
        (desk.home / "agentos.toml").write_text('[sync]\nclients = ["codex"]\nhub = "none"\n')
        assert [each["client"] for each in (await desk.get("status"))["clients"]] == ["codex"]


async def test_only_the_owner_and_only_with_a_home(sit: Sit) -> None:
    async with sit() as desk:
        token = desk.asking.hub.tokens.create([Scope.STATUS_READ], name="x")
        for path in ("status", "plan", "pull", "undo", "history"):
            answer = await desk.asking.ask("GET", f"/api/v1/sync/{path}", token=token)
            assert answer.status_code == 403
        desk.home.rename(desk.home.with_name("moved"))
        assert await desk.get("status") == {"home_found": False, "clients": []}
        assert (await desk.get("plan", status=503))["error"]["code"] == "home_missing"
        assert tomllib.loads(desk.config.read_text())["model"] == "gpt-5.5"
