"""What a session is given to read reaches the model of the real Codex."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from agentos.agents.codex import Codex, CodexAcp
from agentos.errors import ConfigInvalid
from agentos.models.rehearsal import RehearsalModel, Scenario, Step
from agentos.sessions.create import create_session, resume_session
from agentos.sessions.ready import ReadyAgent
from agentos.software import ensure
from agentos.testing.host_machine import HostMachine
from agentos.testing.scripted_agent import ScriptedAgent

SKILL = "---\nname: commit-style\ndescription: How we word commits.\n---\nShort lines only.\n"
PROFILE = """
model = "gpt-5.4"
model_reasoning_effort = "high"
developer_instructions = "You plan, and edit nothing."
"""


@pytest.fixture(params=[Codex, CodexAcp])
async def codex(request: pytest.FixtureRequest) -> Codex | CodexAcp:
    installed = {layer.name: str(layer.path) for layer in await ensure(["codex-acp"])}
    definition: Codex | CodexAcp = request.param(installed.__getitem__)
    return definition


@pytest.fixture
def seen(machine: HostMachine, codex: Codex | CodexAcp) -> Any:
    """Open a session, prompt once, and return what the model was sent."""

    async def prompt(text: str = "go", **options: Any) -> Mapping[str, Any]:
        async with RehearsalModel(Scenario([Step(say="ok")])) as model:
            async with await create_session(machine, codex, env=env_of(model), **options) as opened:
                await opened.prompt(text)
            body = model.turns[0].body
            assert body is not None
            return body

    return prompt


def env_of(model: RehearsalModel) -> dict[str, str]:
    """Lead Codex to a model on the host itself."""
    custom = {"name": "Custom", "base_url": model.base_url, "env_key": "CUSTOM_KEY"}
    config = {"model_provider": "custom", "model_providers": {"custom": custom}}
    return {"CUSTOM_KEY": model.api_key, "CODEX_CONFIG": json.dumps(config)}


def said(body: Mapping[str, Any]) -> str:
    """All that the model was told, line breaks as they are."""
    return json.dumps(body, ensure_ascii=False).replace("\\n", "\n").replace('\\"', '"')


async def test_the_model_sees_skill_instructions_and_memories(
    machine: HostMachine, seen: Any, tmp_path: Path
) -> None:
    directory = tmp_path / "release"
    (directory / "scripts").mkdir(parents=True)
    (directory / "SKILL.md").write_text("---\ndescription: How we release.\n---\nTag it.\n")
    (directory / "scripts/tag.sh").write_text("#!/bin/sh\ngit tag\n")
    (directory / "scripts/tag.sh").chmod(0o755)
    (directory / "run").symlink_to("scripts/tag.sh")
    memory = tmp_path / "memory.md"
    memory.write_text("Tests need\nPostgreSQL.\n")
    body = await seen(
        "$commit-style write one",
        skills=[SKILL, directory],
        instructions_file="# House rules\nBe kind to plants.\n",
        memories=["The cat is called Ada.", memory],
    )
    text = said(body)
    for words in (
        "commit-style: How we word commits.",
        "release: How we release.",
        "Short lines only.",
        "Be kind to plants.",
        "- The cat is called Ada.",
        "- Tests need\n  PostgreSQL.",
    ):
        assert words in text
    placed = machine.home / ".codex/skills/release"
    assert os.access(placed / "scripts/tag.sh", os.X_OK)
    assert (placed / "run").readlink() == Path("scripts/tag.sh")


async def test_tokens_of_a_skill_become_what_they_are_in_the_machine(
    machine: HostMachine, seen: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "agentos.toml").write_text('[skills.tokens]\nteam = "blue"\n')
    monkeypatch.setenv("AGENTOS_HOME", str(tmp_path))
    directory = tmp_path / "ship"
    directory.mkdir()
    said_there = "I am {{client}} of {{team}}, in {{skills_dir}}; \\{{this}} stays.\n"
    (directory / "SKILL.md").write_text(f"---\ndescription: How to ship.\n---\n{said_there}")
    (directory / "page.tmpl").write_text("{{client}} {{unknown}}\n")
    text = said(await seen("$ship it", skills=[directory]))
    placed = machine.home / ".codex/skills"
    assert f"I am codex of blue, in {placed}; {{{{this}}}} stays." in text
    assert (placed / "ship/page.tmpl").read_text() == "codex {{unknown}}\n"
    (directory / "SKILL.md").write_text("---\ndescription: How to ship.\n---\n{{taem}}\n")
    with pytest.raises(ConfigInvalid, match=r"ship/SKILL.md:4: there is no token \{\{taem\}\}"):
        await seen(skills=[directory])


async def test_a_large_agents_file_is_read_whole(seen: Any) -> None:
    lines = "".join(f"Rule {n}: water plant {n}.\n" for n in range(4000))
    assert "Rule 3999: water plant 3999." in said(await seen(instructions_file=lines))


async def test_what_the_user_wrote_stays_byte_for_byte(machine: HostMachine, seen: Any) -> None:
    home = machine.home / ".codex"
    home.mkdir()
    theirs = b"# Mine\r\n\xff no line break at the end"
    (home / "AGENTS.md").write_bytes(theirs)
    await seen(instructions_file="First.\n", memories=["One."])
    once = (home / "AGENTS.md").read_bytes()
    assert once.startswith(theirs)
    (home / "AGENTS.md").write_bytes(once + b"\r\nafter \xfe\n")
    text = said(await seen(instructions_file="Second.\n"))
    assert "Second." in text
    assert "- One." in text
    assert "First." not in text
    twice = (home / "AGENTS.md").read_bytes()
    assert twice == (once + b"\r\nafter \xfe\n").replace(b"First.", b"Second.")


async def test_the_override_is_extended_where_codex_reads_it(
    machine: HostMachine, seen: Any
) -> None:
    (machine.home / ".codex").mkdir()
    (machine.home / ".codex/AGENTS.override.md").write_text("Mine first.\n")
    text = said(await seen(instructions_file="Then this.\n"))
    assert "Mine first." in text
    assert "Then this." in text
    assert not (machine.home / ".codex/AGENTS.md").exists()


async def test_a_profile_applies_its_settings(machine: HostMachine, seen: Any) -> None:
    body = await seen(profile="planner", profile_file=PROFILE, instructions="Say please.")
    assert body["model"] == "gpt-5.4"
    assert body["reasoning"]["effort"] == "high"
    assert "You plan, and edit nothing." in said(body)
    assert "Say please." in said(body)
    written = machine.home / ".codex/planner.config.toml"
    assert written.read_text() == PROFILE
    again = await seen(profile="planner")
    assert again["reasoning"]["effort"] == "high"
    assert (await seen(profile="planner", model="gpt-5.5"))["model"] == "gpt-5.5"
    written.write_text(PROFILE + "# mine now\n")
    with pytest.raises(ConfigInvalid, match=r"planner\.config\.toml is in the machine already"):
        await seen(profile="planner", profile_file=PROFILE)
    assert written.read_text().endswith("# mine now\n")


async def test_a_profile_that_is_not_there_is_an_error(seen: Any, tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid, match="no profile 'planer'") as caught:
        await seen(profile="planer")
    assert caught.value.code == "profile_unknown"
    (tmp_path / "broken.config.toml").write_text("model =\n")
    with pytest.raises(ConfigInvalid, match=r"broken\.config\.toml .*TOML"):
        await seen(profile_file=tmp_path / "broken.config.toml")


@pytest.mark.parametrize("codex", [Codex], indirect=True)
async def test_a_resumed_session_keeps_its_profile(
    machine: HostMachine, codex: Codex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agentos.sessions.create.get_agent", lambda _: codex)
    async with RehearsalModel(Scenario([Step(say="one"), Step(say="two")])) as model:
        options: dict[str, Any] = {"profile": "planner", "profile_file": PROFILE}
        env = env_of(model)
        async with await create_session(machine, codex, env=env, **options) as session:
            await session.prompt("go")
        async with await resume_session(machine, session.id, env=env) as session:
            await session.prompt("on")
        assert [(r.body or {})["model"] for r in model.turns] == ["gpt-5.4"] * 2


@pytest.mark.parametrize("codex", [Codex], indirect=True)
async def test_an_agent_that_waited_finds_them_too(machine: HostMachine, codex: Codex) -> None:
    async with (
        waiting(machine, codex) as ready,
        RehearsalModel(Scenario([Step(say="ok")])) as model,
    ):
        options: dict[str, Any] = {"skills": [SKILL], "memories": ["The cat is called Ada."]}
        key = {"experimental_bearer_token": model.api_key}  # a variable would come too late
        custom = {"name": "Custom", "base_url": model.base_url, **key}
        config = {"model_provider": "custom", "model_providers": {"custom": custom}}
        env = {"CODEX_CONFIG": json.dumps(config)}
        async with await create_session(machine, codex, env=env, ready=ready, **options) as session:
            assert session._life.connection is ready.connection
            await session.prompt("go")
        text = said(model.turns[0].body or {})
        assert "commit-style: How we word commits." in text
        assert "The cat is called Ada." in text


@asynccontextmanager
async def waiting(machine: HostMachine, codex: Codex) -> AsyncIterator[ReadyAgent]:
    from agentos.sessions.starting import connect

    launch = codex.waiting(machine)
    connection = await connect(machine, launch, "codex")
    try:
        await connection.introduce()
        yield ReadyAgent("codex", connection, machine.environment(launch.env))
    finally:
        await connection.end()


async def test_an_agent_without_a_place_for_them_says_so(machine: HostMachine) -> None:
    with pytest.raises(ConfigInvalid, match="no place for skills"):
        await create_session(machine, ScriptedAgent([]), skills=[SKILL])
