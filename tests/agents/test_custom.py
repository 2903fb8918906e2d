"""Agents of the user's own: in Python, in files, and as entries of the ACP registry."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agentos.agents import AgentRequest, ModelAccess, agent_names, get_agent
from agentos.agents.acp_registry import NpmAgent, agent_of_entry
from agentos.agents.codex import Codex, CodexAcp
from agentos.agents.custom import Agent
from agentos.errors import AgentNotFound, ConfigInvalid
from agentos.sessions.create import create_session, resume_session
from agentos.software import NpmTree
from agentos.testing.host_machine import HostMachine

AGENTS = Path(__file__).parents[2] / "examples" / "agents"
KEY = {"OPENAI_API_KEY": "sk-test"}


@pytest.fixture
async def machine() -> AsyncIterator[HostMachine]:
    async with HostMachine() as host:
        yield host


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the user's agents."""
    monkeypatch.setenv("AGENTOS_HOME", str(tmp_path))
    agents = tmp_path / "agents"
    agents.mkdir()
    return agents


async def test_a_python_program_is_an_agent(machine: HostMachine) -> None:
    agent = Agent("echo", home=AGENTS / "echo", command=[sys.executable, "{home}/echo_agent.py"])
    async with await create_session(machine, agent) as session:
        assert (await session.prompt("echo $((6 * 7)); pwd")).text == f"42\n{machine.home}"
        turn = session.prompt("echo begun; sleep 2007")
        while not [p for p in await machine.processes() if p.executable == "sleep"]:
            await asyncio.sleep(0)
        await session.cancel()
        assert (await turn).stop_reason == "cancelled"
        assert not [p for p in await machine.processes() if p.executable == "sleep"]


async def test_it_is_resumed_and_told_what_happened(machine: HostMachine) -> None:
    agent = Agent("echo", home=AGENTS / "echo", command=[sys.executable, "{home}/echo_agent.py"])
    async with await create_session(machine, agent, instructions="echo told") as session:
        assert (await session.prompt("echo asked")).text == "told"
        assert (await session.prompt("echo the colour is blue")).text == "the colour is blue"
    async with await resume_session(machine, session.id, agent=agent) as again:
        assert again.resumed is not None
        assert again.resumed.how == "transcript"


async def test_a_model_reaches_it_in_the_variables_it_reads(machine: HostMachine) -> None:
    access = ModelAccess("http://models.agentos.internal/v1", "key-1", "small")
    request = AgentRequest(provider=access)
    usual = await Agent("mine", command=["mine"]).prepare(machine, request)
    assert usual.env == {"OPENAI_BASE_URL": access.base_url, "OPENAI_API_KEY": "key-1"}
    named = {"URL": "{origin}/x", "MODEL": "{model}"}
    agent = Agent("mine", command=["mine"], model_env=named)
    launch = await agent.prepare(machine, request)
    assert launch.env == {"URL": "http://models.agentos.internal/x", "MODEL": "small"}


async def test_its_own_model_is_reached_only_without_another(machine: HostMachine) -> None:
    agent = Agent("mine", command=["m"], credentials=["K"], endpoints=["https://llm.example"])
    own = AgentRequest(env={"K": "secret"})
    assert await agent.has_credentials(machine, own)
    assert not await agent.has_credentials(machine, AgentRequest())
    assert [e.entry for e in (await agent.prepare(machine, own)).endpoints] == ["llm.example:443"]
    given = AgentRequest(provider=ModelAccess("http://models.agentos.internal/v1"))
    assert (await agent.prepare(machine, given)).endpoints == []


async def test_places_of_software_are_filled_in(machine: HostMachine) -> None:
    command = ["{node}/bin/node", '{"json": {}}']
    agent = Agent("mine", command=command, software=["node"], locate=lambda name: f"/at/{name}")
    assert (await agent.prepare(machine, AgentRequest())).argv == ["/at/node/bin/node", command[1]]


async def test_a_home_does_not_overwrite_what_is_there(
    machine: HostMachine, tmp_path: Path
) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep/new").write_text("theirs")
    (tmp_path / "old").write_text("theirs")
    (machine.home / "old").write_text("mine")
    await Agent("mine", command=["m"], home=tmp_path).prepare(machine, AgentRequest())
    assert (machine.home / "old").read_text() == "mine"
    assert (machine.home / "deep/new").read_text() == "theirs"
    (tmp_path / "link").symlink_to("/etc/passwd")
    with pytest.raises(ConfigInvalid, match="no plain file"):
        await Agent("mine", command=["m"], home=tmp_path).prepare(machine, AgentRequest())


@pytest.mark.parametrize("base", [Codex, CodexAcp])
async def test_a_tweaked_codex_has_its_own_binary_and_config(
    machine: HostMachine, base: type[Codex | CodexAcp]
) -> None:
    agent = Agent(
        "mine",
        extends=base.name,
        command=["/mine/program"],
        software=[],
        env={"CODEX_PATH": "/mine/codex"},
        config={"model_reasoning_effort": "high", "model": "gpt-mine"},
    )
    assert (agent.software, agent.credentials) == ((), base.credentials)
    given = json.dumps({"model": "of the caller"})
    launch = await agent.prepare(machine, AgentRequest(env=KEY | {"CODEX_CONFIG": given}))
    assert launch.argv == ["/mine/program"]
    assert launch.driver == ("codex" if base is Codex else "acp")
    assert launch.env["CODEX_PATH"] == "/mine/codex"
    settings = launch.config or json.loads(launch.env["CODEX_CONFIG"])
    assert settings["model_reasoning_effort"] == "high"
    assert settings["model"] == "of the caller"


def test_what_cannot_be_an_agent_is_refused() -> None:
    with pytest.raises(ConfigInvalid, match="neither a command"):
        Agent("mine")
    with pytest.raises(ConfigInvalid, match="config"):
        Agent("mine", command=["m"], config={"a": 1})
    with pytest.raises(AgentNotFound, match="built-in"):
        Agent("mine", extends="codx")


async def test_a_file_in_the_agentos_home_is_an_agent(folder: Path, machine: HostMachine) -> None:
    text = (AGENTS / "careful-codex.toml").read_text()
    (folder / "careful-codex.toml").write_text(text)
    (folder / "careful-codex-home").mkdir()
    (folder / "notes.md").write_text("no agent")
    assert agent_names()[-1] == "careful-codex"
    launch = await get_agent("careful-codex").prepare(machine, AgentRequest(env=KEY))
    assert launch.config["model_reasoning_effort"] == "high"
    assert get_agent(str(AGENTS / "careful-codex.toml")).name == "careful-codex"


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.toml", "extends = [", "cannot be read"),
        ("a.toml", 'comand = ["x"]', "comand: extra"),
        ("a.toml", "command = 'x'", "command: input should be a valid list"),
        ("a.toml", "name = 'a'", "neither a command"),
        ("a.toml", "extends = 'codx'", "no built-in agent named 'codx'"),
        ("a.toml", "name = 'b'\ncommand = ['x']", "holds an agent named 'b'"),
        ("a.toml", "name = 'codex'\ncommand = ['x']", "that of a built-in agent"),
        ("a.json", "[]", "valid dictionary"),
        ("a.json", '{"id": "a", "version": "1"}', "distribution: field required"),
        ("a.json", '{"id": "../a", "version": "1", "distribution": {}}', "id: string should match"),
        ("a.json", '{"id": "a", "version": "1/..", "distribution": {}}', "version: string should"),
        (
            "a.json",
            '{"id": "a", "version": "1", "distribution": {"npx": {"package": "file:../a"}}}',
            "distribution.npx.package: string should match",
        ),
    ],
)
def test_a_bad_file_is_named_with_its_fault(folder: Path, name: str, text: str, words: str) -> None:
    (folder / name).write_text(text)
    with pytest.raises(ConfigInvalid, match=words) as caught:
        get_agent("a")
    assert str(folder / name) in caught.value.message


def test_an_entry_of_the_acp_registry() -> None:
    agent = get_agent(str(AGENTS / "shell-agent.json"))
    assert isinstance(agent, NpmAgent)
    assert str(agent.package) == "acp-shell-agent 1.0.0"
    assert agent.package.artifacts == (NpmTree("shell-agent@1.0.0"),)
    assert agent.args == ("--acp",)
    entry = {"id": "a", "version": "2.1.0", "distribution": {"uvx": {"package": "a@2.1.0"}}}
    python = agent_of_entry(entry)
    assert isinstance(python, Agent)
    assert python.command == ("uvx", "a@2.1.0")
    entry["distribution"] = {"binary": {"linux-x86_64": {"archive": "https://a.example/a.tgz"}}}
    with pytest.raises(ConfigInvalid, match="archive"):
        agent_of_entry(entry)


async def test_it_says_where_it_keeps_a_session(machine: HostMachine) -> None:
    mine = Agent("mine", command=["m"], session_files=["{home}/.mine/*/{session}.jsonl"])
    launch = await mine.prepare(machine, AgentRequest())
    assert launch.session_files == [f"{machine.home}/.mine/*/{{session}}.jsonl"]
    tweaked = await Agent("mine", extends="claude").prepare(
        machine, AgentRequest(env={"ANTHROPIC_API_KEY": "dummy-key"})
    )
    assert tweaked.session_files == [f"{machine.home}/.claude/projects/*/{{session}}.jsonl"]


@pytest.mark.parametrize("pattern", ["mine/{session}", "{home}/../{session}", ""])
def test_a_session_that_is_kept_nowhere(pattern: str) -> None:
    with pytest.raises(ConfigInvalid, match="keep a session"):
        Agent("mine", command=["m"], session_files=[pattern])
