"""The real Codex reads what sync writes, and rewrites it; only its model is played."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from tests.clients.sync.conftest import AGENTOS, FRAGMENT, Codex, Desk

from agentos import AgentOs, RehearsalModel, Scenario, Step
from agentos.sessions.deploying import deploy_home
from agentos.sync.settings import DEFAULT_PROFILES


def played(text: str = "done") -> RehearsalModel:
    return RehearsalModel(Scenario(steps=[Step(say=text)], model="any"))


def over(model: RehearsalModel, *names: str) -> str:
    """What `agentos.toml` says so that a played model is the provider of profiles."""
    return "".join(f'[profiles.{name}]\nbase_url = "{model.base_url}"\n' for name in names)


def servers(codex: Codex) -> dict[str, Any]:
    return {each["name"]: each for each in json.loads(codex.run("mcp", "list", "--json"))}


def trusted(file: Path) -> list[str]:
    return list(tomllib.loads(file.read_text())["projects"])


@pytest.mark.parametrize("profile", [each.name for each in DEFAULT_PROFILES])
async def test_each_profile_starts_and_knows_what_was_deployed(
    desk: Desk, codex: Codex, profile: str
) -> None:
    async with played("hello") as model:
        desk.configure(over(model, profile))
        desk.lead_bridge_here()
        desk.agentos("up")  # else the first turn would not wait for the hub's tools
        desk.push("codex")
        told = await codex.exec(model, "--profile", profile)
    assert "hello" in told
    [request] = model.turns
    wanted = next(each.model for each in DEFAULT_PROFILES if each.name == profile)
    assert request.model == wanted
    said = json.dumps(request.body)
    assert "Never use em dashes." in said
    assert "Ada wants short commit messages." in said
    assert "How we ship things here." in said
    assert "mcp__agentOS_portfolio" in said
    assert request.body is not None
    assert request.body["reasoning"]["effort"] == "low"


async def test_a_skill_that_is_asked_for_is_the_one_deployed(desk: Desk, codex: Codex) -> None:
    async with played() as model:
        desk.configure(over(model, "planner"))
        desk.push("codex")
        desk.agentos("up")  # else the bridge would still be starting a hub when all is over
        await codex.exec(model, "--profile", "planner", prompt="$ship it")
    [request] = model.turns
    assert "You are codex." in json.dumps(request.body)


def test_the_hub_is_among_its_servers(desk: Desk, codex: Codex) -> None:
    desk.push("codex")
    entry = servers(codex)["agentOS-portfolio"]
    assert entry["enabled"]
    assert entry["transport"]["type"] == "stdio"
    assert entry["transport"]["args"][-1] == "mcp"
    desk.configure("[sync]\nhub = 'http'\n")
    desk.push("codex")
    transport = servers(codex)["agentOS-portfolio"]["transport"]
    assert transport["type"] == "streamable_http"
    assert transport["bearer_token_env_var"] == "AGENTOS_TOKEN"


async def test_codex_rewrites_its_file_and_sync_goes_on(desk: Desk, codex: Codex) -> None:
    config = codex.home / "config.toml"
    codex.home.mkdir()
    desk.run(["git", "init", "-q"])
    config.write_text('# my own\nmodel_reasoning_summary = "concise"\n')
    async with played() as model:
        desk.configure(over(model, "planner"))
        desk.push("codex")
        codex.run("mcp", "add", "mine", "--env", "A=b", "--", "echo", "hi")
        await codex.exec(model, "--profile", "planner", "--trust")
    profile = codex.home / "planner.config.toml"
    assert "mine" in tomllib.loads(config.read_text())["mcp_servers"]
    # What Codex is started with is what it writes into.
    assert trusted(profile) == [str(desk.work)]
    desk.agentos("sync", "check", "--client", "codex")

    (desk.home / "clients/codex/config-fragment.toml").write_text('model_verbosity = "high"\n')
    desk.configure("[profiles.planner]\nmodel = 'next'\n")
    desk.push("codex")
    found = tomllib.loads(config.read_text())
    assert found["model_verbosity"] == "high"
    assert "model_reasoning_effort" not in found  # which the fragment has no more
    assert found["model_reasoning_summary"] == "concise"
    assert found["mcp_servers"]["mine"]["env"] == {"A": "b"}
    assert trusted(profile) == [str(desk.work)]
    assert "# my own" in config.read_text()
    assert {"mine", "agentOS-portfolio"} <= servers(codex).keys()


def test_a_server_that_the_user_removed_stays_removed(desk: Desk, codex: Codex) -> None:
    desk.push("codex")
    codex.run("mcp", "remove", "agentOS-portfolio")
    assert "agentOS-portfolio" not in servers(codex)
    desk.push("codex")
    assert "agentOS-portfolio" not in servers(codex)
    desk.push("codex", "--restore", "mcp_servers.agentOS-portfolio")
    assert "agentOS-portfolio" in servers(codex)


def test_a_setting_that_the_user_changed_is_a_conflict(desk: Desk, codex: Codex) -> None:
    desk.push("codex")
    config = codex.home / "config.toml"
    config.write_text(
        config.read_text().replace('model_verbosity = "low"', 'model_verbosity = "high"')
    )
    assert "model_verbosity" in json.dumps(desk.drift("codex"))
    desk.run([*AGENTOS, "sync", "push", "--yes", "--client", "codex"], code=1)
    assert tomllib.loads(config.read_text())["model_verbosity"] == "high"
    desk.push("codex", "--theirs")
    assert tomllib.loads(config.read_text())["model_verbosity"] == "high"


async def test_a_project_that_is_trusted_stays_so(desk: Desk, codex: Codex) -> None:
    desk.run(["git", "init", "-q"])
    async with played() as model:
        fragment = desk.home / "clients/codex/config-fragment.toml"
        fragment.write_text(
            f'model = "some"\nmodel_provider = "played"\n{FRAGMENT}'
            f'[model_providers.played]\nname = "Played"\nbase_url = "{model.base_url}"\n'
            'env_key = "OPENROUTER_API_KEY"\n'
        )
        desk.push("codex")
        desk.agentos("up")  # else the bridge would still be starting a hub when all is over
        await codex.exec(model, "--trust")
        config = codex.home / "config.toml"
        assert trusted(config) == [str(desk.work)]
        desk.agentos("sync", "check", "--client", "codex")
        fragment.write_text("")
        desk.push("codex")
    assert trusted(config) == [str(desk.work)]
    assert "played" not in config.read_text()


async def test_undo_leaves_codex_as_it_was(desk: Desk, codex: Codex) -> None:
    codex.home.mkdir()
    config = codex.home / "config.toml"
    config.write_text('model = "x"\n')
    desk.push("codex")
    assert config.read_text() != 'model = "x"\n'
    desk.agentos("sync", "undo", "--yes")
    assert config.read_text() == 'model = "x"\n'
    assert [each.name for each in codex.home.iterdir()] == ["config.toml"]
    assert servers(codex) == {}


async def test_codex_in_a_machine_finds_what_it_would_find_here(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENTOS_HOME", str(desk.home))
    async with played() as model, AgentOs() as vm:
        await deploy_home(vm)
        session = await vm.create_session("codex", provider=model, profile="planner")
        async with session:
            assert (await session.prompt("go")).text == "done"
    [request] = model.turns
    assert request.model == "deepseek/deepseek-v4-flash"
    said = json.dumps(request.body)
    assert "Never use em dashes." in said
    assert "Ada wants short commit messages." in said
    assert "How we ship things here." in said
