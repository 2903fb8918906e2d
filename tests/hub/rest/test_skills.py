"""Skills over REST: who gets which, as which text, and switching them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.hub.conftest import Asking, Started

SETTINGS = """# how I like it
[sync]
clients = ["codex", "claude"]   # both
hub = "none"
"""
SKILL = """---
name: {name}
description: Does {name} as it is done here, when asked to.
groups: [daily]
---

# {name}

You are {{{{client}}}}, and your skills are in {{{{skills_dir}}}}.
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "home"
    for name, value in (
        ("HOME", str(tmp_path / "user")),
        ("PATH", os.defpath),
        ("AGENTOS_HOME", str(home)),
        ("AGENTOS_STATE_DIR", str(tmp_path / "state")),
    ):
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("CODEX_HOME", raising=False)
    monkeypatch.delenv("CLAUDE_CONFIG_DIR", raising=False)
    for name in ("review", "ship"):
        place = home / "clients/shared/skills" / name
        place.mkdir(parents=True)
        (place / "SKILL.md").write_text(SKILL.format(name=name))
    (home / "agentos.toml").write_text(SETTINGS)
    return home


async def get(hub: Asking, path: str, status: int = 200) -> Any:
    answer = await hub.ask("GET", f"/api/v1/{path}")
    assert answer.status_code == status, answer.text
    return answer.json()


async def push(hub: Asking) -> None:
    digest = (await get(hub, "sync/plan"))["digest"]
    answer = await hub.ask("POST", "/api/v1/sync/push", body={"digest": digest})
    assert answer.status_code == 200, answer.text


async def copies(hub: Asking, name: str) -> dict[str, tuple[bool, str]]:
    found = (await get(hub, "skills"))["skills"]
    clients = next(each for each in found if each["name"] == name)["clients"]
    return {each["client"]: (each["enabled"], each["copy_there"]) for each in clients}


async def test_a_skill_is_switched_off_for_one_client(asking: Started, home: Path) -> None:
    async with asking() as hub:
        absent, there = (True, "absent"), (True, "deployed")
        assert await copies(hub, "ship") == {"codex": absent, "claude": absent}
        await push(hub)
        assert await copies(hub, "ship") == {"codex": there, "claude": there}
        body = {"name": "ship", "on": False, "client": "claude"}
        answer = await hub.ask("POST", "/api/v1/skill-switches", body=body)
        assert answer.status_code == 204, answer.text
        assert (home / "agentos.toml").read_text().startswith(SETTINGS)
        assert await copies(hub, "ship") == {"codex": there, "claude": (False, "deployed")}
        await push(hub)
        assert await copies(hub, "ship") == {"codex": there, "claude": (False, "absent")}
        assert await copies(hub, "review") == {"codex": there, "claude": there}
        body = {"name": "daily", "on": False, "group": True}
        assert (await hub.ask("POST", "/api/v1/skill-switches", body=body)).status_code == 204
        said = await get(hub, "skills")
        assert said["groups"] == [{"name": "daily", "skills": 2, "enabled": False, "off_for": []}]
        assert [each["enabled"] for each in said["skills"][0]["clients"]] == [False, False]
        for wrong in ({"name": "shipp", "on": True}, {"name": "x", "on": True, "client": "nobody"}):
            answer = await hub.ask("POST", "/api/v1/skill-switches", body=wrong)
            assert answer.status_code == 422


async def test_the_text_of_a_client_is_the_one_that_is_deployed(
    asking: Started, home: Path, tmp_path: Path
) -> None:
    async with asking() as hub:
        await push(hub)
        for client, root in (("codex", ".agents/skills"), ("claude", ".claude/skills")):
            said = await get(hub, f"skills/ship?client={client}")
            deployed = tmp_path / "user" / root / "ship/SKILL.md"
            assert said["text"] == deployed.read_text()
            assert str(deployed.parent.parent) in said["text"]
        assert "{{client}}" in (await get(hub, "skills/ship"))["text"]
        assert (await get(hub, "skills/shipp", 404))["error"]["hint"] == "did you mean ship?"
        (tmp_path / "user/.claude/skills/ship/SKILL.md").unlink()
        await push(hub)
        assert (await copies(hub, "ship"))["claude"] == (True, "yours")


async def test_findings_uses_and_what_cannot_be_read(asking: Started, home: Path) -> None:
    async with asking() as hub:
        for client in ("codex", "codex", "claude"):
            report = {"command": "ship", "client": client, "outcome": "ok"}
            assert (await hub.ask("POST", "/command-log", body=report)).status_code < 300
        broken = home / "clients/shared/skills/broken"
        broken.mkdir()
        (broken / "SKILL.md").write_text("no front matter\n")
        page = home / "clients/shared/skills/review/SKILL.md"
        page.write_text(page.read_text() + "[gone](gone.md)\n")
        said = await get(hub, "skills?limit=2")
        assert [each["name"] for each in said["skills"]] == ["broken", "review"]
        assert "there is no front matter" in said["skills"][0]["broken"]
        said = await get(hub, f"skills?limit=2&after={said['next']}")
        (ship,) = said["skills"]
        assert said["next"] is None
        assert {each["client"]: each["count"] for each in ship["uses"]} == {"codex": 2, "claude": 1}
        found = (await get(hub, "skill-findings"))["findings"]
        assert {(each["skill"], each["level"]) for each in found} == {
            ("broken", "error"),
            ("review", "error"),
        }
