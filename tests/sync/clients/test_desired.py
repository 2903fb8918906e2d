"""What each client is given: which keys of which files, and which files of its own."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from agentos.memories.memory import Memory
from agentos.skills.reading import read_skill
from agentos.skills.settings import SkillSettings
from agentos.sync.client import Places
from agentos.sync.clients import CLIENTS
from agentos.sync.clients.codex_profiles import profile_text
from agentos.sync.desired import Desired, OwnedFile, OwnedKeys, OwnedSection, Value
from agentos.sync.settings import DEFAULT_PROFILES
from agentos.sync.source import HubEntry, Profile, Source

HUB = HubEntry(("/opt/bin/agentos", "mcp"), "http://127.0.0.1:3000/mcp")
HOME = Path("/home/somebody")


def desired(client: str, source: Source, version: str | None = None) -> Desired:
    places = replace(CLIENTS[client].places({"HOME": str(HOME)}), version=version)
    return CLIENTS[client].desired(source, places)


def values(found: Desired, path: str) -> dict[str, Value]:
    """The keys of a file of ours, dotted."""
    for owned in found.owned:
        if isinstance(owned, OwnedKeys) and owned.path == HOME / path:
            return {".".join(keys): value for keys, value in owned.values.items()}
    raise AssertionError(f"{path} is not ours")


def files(found: Desired) -> dict[str, bytes]:
    return {
        str(owned.path.relative_to(HOME)): owned.content
        for owned in found.owned
        if isinstance(owned, OwnedFile)
    }


def sections(found: Desired) -> dict[str, str]:
    return {
        str(owned.path.relative_to(HOME)): owned.text
        for owned in found.owned
        if isinstance(owned, OwnedSection)
    }


def instructions(found: Desired, client: str) -> list[str]:
    """What the client is told in every conversation: a section, in Cursor a rule."""
    if client != "cursor":
        return list(sections(found).values())
    return [files(found)[".cursor/plugins/local/agentos/rules/agentos.mdc"].decode()]


@pytest.fixture
def source(tmp_path: Path) -> Source:
    skill = tmp_path / "ship"
    skill.mkdir()
    (skill / "SKILL.md").write_text(
        "---\nname: ship\ndescription: How we ship.\n---\n{{client}} at {{hub_url}}\n"
    )
    (skill / "go.sh").write_text("#!/bin/sh\n")
    (skill / "go.sh").chmod(0o755)
    return Source(
        tmp_path,
        fragment={"model_reasoning_effort": "low", "features": {"goals": True}},
        settings={"claude": {"cleanupPeriodDays": 365}, "gemini": {"ui": {"theme": "x"}}},
        instructions=dict.fromkeys(CLIENTS, "Be brief."),
        files={
            "claude": {"commands/ship/it.md": b"Ship."},
            "cursor": {"rules/python.mdc": b"---\n---\n"},
        },
        profiles=DEFAULT_PROFILES,
        skills=(read_skill(skill),),
        hub=HUB,
    )


def test_codex_gets_the_fragment_the_hub_profiles_instructions_and_skills(source: Source) -> None:
    found = desired("codex", source)
    assert values(found, ".codex/config.toml") == {
        "model_reasoning_effort": "low",
        "features.goals": True,
        "mcp_servers.agentOS-portfolio.command": "/opt/bin/agentos",
        "mcp_servers.agentOS-portfolio.args": ["mcp"],
    }
    assert sections(found) == {".codex/AGENTS.md": "Be brief.\n"}
    provider = "model_providers.openrouter"
    assert values(found, ".codex/planner.config.toml") == {
        "model": "deepseek/deepseek-v4-flash",
        "model_provider": "openrouter",
        f"{provider}.name": "OpenRouter",
        f"{provider}.base_url": "https://openrouter.ai/api/v1",
        f"{provider}.env_key": "OPENROUTER_API_KEY",
        f"{provider}.wire_api": "responses",
    }
    models = {
        "planner": "deepseek/deepseek-v4-flash",
        "tools": "qwen/qwen3-coder",
        "agentic": "moonshotai/kimi-k2.5",
        "cheap": "qwen/qwen3-coder:free",
    }
    for name, model in models.items():
        assert values(found, f".codex/{name}.config.toml")["model"] == model
    assert b"codex at http://127.0.0.1:3000/mcp" in files(found)[".agents/skills/ship/SKILL.md"]


def test_scripts_of_skills_can_be_run(source: Source) -> None:
    modes = {
        owned.path.name: owned.mode
        for owned in desired("claude", source).owned
        if isinstance(owned, OwnedFile) and owned.kind == "skill"
    }
    assert modes == {"SKILL.md": 0o644, "go.sh": 0o755}


def test_codex_reaches_the_hub_over_http_by_the_name_of_a_variable(source: Source) -> None:
    found = desired("codex", replace(source, hub=replace(HUB, over_http=True)))
    entry = {
        key.rpartition(".")[2]: value
        for key, value in values(found, ".codex/config.toml").items()
        if key.startswith("mcp_servers.")
    }
    assert entry == {"url": HUB.url, "bearer_token_env_var": "AGENTOS_TOKEN"}


@pytest.mark.parametrize(("version", "whole"), [("0.133.0", False), ("0.134.0", True)])
def test_profiles_are_what_the_version_reads(source: Source, version: str, whole: bool) -> None:
    found = desired("codex", source, version)
    assert any(owned.path.name == "planner.config.toml" for owned in found.owned) is whole
    keys = values(found, ".codex/config.toml")
    assert keys.get("profiles.planner.model") == (None if whole else "deepseek/deepseek-v4-flash")
    assert ("model_providers.openrouter.wire_api" in keys) is not whole


@pytest.mark.parametrize(
    ("version", "place"), [("0.94.0", ".codex/skills"), ("0.95.1", ".agents/skills")]
)
def test_skills_are_where_the_version_reads_them(source: Source, version: str, place: str) -> None:
    assert f"{place}/ship/SKILL.md" in files(desired("codex", source, version))


def test_what_codex_keeps_beside_our_files_is_not_pulled() -> None:
    client = CLIENTS["codex"]
    collected = client.collect(client.places({"HOME": str(HOME)}))
    assert {".system", ".git"} <= collected.without
    assert collected.trees["memory"] == HOME / ".codex/memories"


def test_a_fragment_cannot_have_the_profiles_that_stop_codex(source: Source) -> None:
    found = desired("codex", replace(source, fragment={"profile": "x", "profiles": {"x": {}}}))
    assert not [key for key in values(found, ".codex/config.toml") if key.startswith("profile")]
    assert len(found.warnings) == 2


def test_settings_of_a_profile_stand_in_their_tables(source: Source) -> None:
    profile = Profile(
        "mine",
        "gpt-5.5",
        provider="openai",
        settings={"features": {"goals": False}, "a key": [1, "two"], "model_verbosity": "low"},
    )
    assert tomllib.loads(profile_text(profile)) == {
        "model": "gpt-5.5",
        "model_provider": "openai",  # built in: Codex refuses a table of it
        "features": {"goals": False},
        "a key": [1, "two"],
        "model_verbosity": "low",
    }
    found = desired("codex", replace(source, profiles=(profile,)))
    assert values(found, ".codex/mine.config.toml")["features.goals"] is False


def test_claude_gets_settings_the_hub_instructions_skills_and_commands(source: Source) -> None:
    found = desired("claude", source)
    assert values(found, ".claude/settings.json") == {"cleanupPeriodDays": 365}
    assert values(found, ".claude.json") == {
        "mcpServers.agentOS-portfolio.type": "stdio",
        "mcpServers.agentOS-portfolio.command": "/opt/bin/agentos",
        "mcpServers.agentOS-portfolio.args": ["mcp"],
    }
    assert sections(found) == {".claude/CLAUDE.md": "Be brief.\n"}
    assert files(found)[".claude/commands/ship/it.md"] == b"Ship."
    assert ".claude/skills/ship/SKILL.md" in files(found)


def test_claude_in_a_directory_of_its_own_has_its_servers_there(source: Source) -> None:
    client = CLIENTS["claude"]
    found = client.desired(source, client.places({"HOME": "/h", "CLAUDE_CONFIG_DIR": "/c"}))
    assert [str(o.path) for o in found.owned if isinstance(o, OwnedKeys)] == [
        "/c/settings.json",
        "/c/.claude.json",
    ]


def test_cursor_gets_the_hub_and_a_plugin_with_rules(source: Source) -> None:
    found = desired("cursor", source)
    assert values(found, ".cursor/mcp.json") == {
        "mcpServers.agentOS-portfolio.command": "/opt/bin/agentos",
        "mcpServers.agentOS-portfolio.args": ["mcp"],
    }
    plugin = ".cursor/plugins/local/agentos"
    manifest = json.loads(files(found)[f"{plugin}/.cursor-plugin/plugin.json"])
    assert manifest["name"] == "agentos"
    rule = files(found)[f"{plugin}/rules/agentos.mdc"].decode()
    assert "alwaysApply: true" in rule
    assert rule.endswith("Be brief.\n")
    assert f"{plugin}/rules/python.mdc" in files(found)


def test_cursor_gets_no_plugin_without_rules() -> None:
    assert not files(desired("cursor", Source(HOME, hub=HUB)))


def test_gemini_and_opencode_get_the_hub_in_their_own_words(source: Source) -> None:
    assert values(desired("gemini", source), ".gemini/settings.json") == {
        "ui.theme": "x",
        "mcpServers.agentOS-portfolio.command": "/opt/bin/agentos",
        "mcpServers.agentOS-portfolio.args": ["mcp"],
    }
    assert values(desired("opencode", source), ".config/opencode/opencode.json") == {
        "mcp.agentOS-portfolio.type": "local",
        "mcp.agentOS-portfolio.command": ["/opt/bin/agentos", "mcp"],
        "mcp.agentOS-portfolio.enabled": True,
    }


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("over_http", [False, True])
def test_without_a_hub_there_is_no_entry(client: str, over_http: bool, source: Source) -> None:
    with_hub = replace(source, hub=replace(HUB, over_http=over_http))
    entries = [
        key for o in desired(client, with_hub).owned if isinstance(o, OwnedKeys) for key in o.values
    ]
    assert any("agentOS-portfolio" in key for key in entries)
    without = desired(client, replace(source, hub=None))
    keys = [key for o in without.owned if isinstance(o, OwnedKeys) for key in o.values]
    assert not any("agentOS-portfolio" in key for key in keys)


@pytest.mark.parametrize("client", CLIENTS)
def test_the_bridge_is_told_of_other_places(client: str, source: Source) -> None:
    hub = replace(HUB, env={"AGENTOS_HOME": "/srv/home"})
    found = desired(client, replace(source, hub=hub))
    said = [v for o in found.owned if isinstance(o, OwnedKeys) for v in o.values.values()]
    assert "/srv/home" in said


@pytest.mark.parametrize("client", CLIENTS)
def test_a_skill_that_is_off_for_a_client_is_not_there(client: str, source: Source) -> None:
    off = SkillSettings(clients={client: {"ship": False}})
    found = desired(client, replace(source, skill_settings=off))
    assert not [
        owned for owned in found.owned if isinstance(owned, OwnedFile) and owned.kind == "skill"
    ]


@pytest.mark.parametrize("client", CLIENTS)
def test_what_is_ours_is_inside_the_user_s_home(client: str, source: Source) -> None:
    for owned in desired(client, source).owned:
        assert HOME in owned.path.parents
        assert ".." not in owned.path.parts


MEMORIES = (
    Memory("tea", "user", "Ada drinks tea.", "Green tea."),
    Memory("deploy", "project", "How the site is deployed.", "By rsync.", project="site"),
)
PLACE = {
    "codex": ".codex/memories/agentos",
    "claude": ".claude/agentos/memory",
    "cursor": ".cursor/plugins/local/agentos/memory",
    "gemini": ".gemini/agentos/memory",
    "opencode": ".config/opencode/agentos/memory",
}


@pytest.mark.parametrize("client", CLIENTS)
def test_memories_are_files_and_count_in_the_instructions(client: str, source: Source) -> None:
    found = desired(client, replace(source, memories=MEMORIES))
    place = PLACE[client]
    assert b"Green tea." in files(found)[f"{place}/tea.md"]
    assert b"By rsync." in files(found)[f"{place}/projects/site/deploy.md"]
    assert b"tea.md" in files(found)[f"{place}/MEMORY.md"]
    [text] = instructions(found, client)
    assert text.index("Be brief.") < text.index("Ada drinks tea.")
    assert str(HOME / place) in text
    assert "rsync" not in text
    active = replace(source, memories=MEMORIES, projects={client: "site"})
    told = desired(client, active)
    assert any("By rsync." in each for each in instructions(told, client))


def test_our_files_cannot_collide_with_what_codex_generates(source: Source) -> None:
    names = {
        path.removeprefix(".codex/memories/").partition("/")[0]
        for path in files(desired("codex", replace(source, memories=MEMORIES)))
        if path.startswith(".codex/memories/")
    }
    assert names == {"agentos"}


def test_a_windows_program_starts_the_bridge_through_wsl(source: Source) -> None:
    directory = Path("/mnt/c/Users/me/.cursor")
    hub = replace(HUB, distribution="Debian", env={"AGENTOS_HOME": "/srv/home"})
    found = CLIENTS["cursor"].desired(replace(source, hub=hub), Places(HOME, directory))
    keys = next(owned for owned in found.owned if isinstance(owned, OwnedKeys))
    assert keys.path == directory / "mcp.json"
    assert keys.values == {
        ("mcpServers", "agentOS-portfolio", "command"): "wsl.exe",
        ("mcpServers", "agentOS-portfolio", "args"): [
            *("-d", "Debian", "--", "env", "AGENTOS_HOME=/srv/home", "/opt/bin/agentos", "mcp")
        ],
    }
