"""The real programs in a machine, offline, with a played model that has them run a command."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.agents.played_model import played_model

from agentos import Agent, AgentOs
from agentos.agents import (
    AgentDefinition,
    AgentRequest,
    Endpoint,
    Launch,
    ModelAccess,
    get_agent,
)
from agentos.agents.claude import Claude
from agentos.agents.gemini import Gemini
from agentos.agents.machine import AgentMachine
from agentos.agents.opencode import OpenCode
from agentos.agents.pi import Pi
from agentos.config import data_dir
from agentos.errors import AuthenticationRequired, ConfigInvalid
from agentos.models.gateway import ModelGateway
from agentos.models.providers import Provider
from agentos.models.upstream import Wire
from agentos.testing.host_machine import HostMachine

COMMAND = "expr 6 '*' 7 | sed s/^/seen-/ | tee made.txt"


class Provided(AgentDefinition):
    """An agent that is given a provider, as the gateway gives one."""

    def __init__(self, agent: AgentDefinition, url: str) -> None:
        self.agent, self.name, self.software = agent, agent.name, agent.software
        base = f"http://host.agentos.internal:{urlsplit(url).port}/v1"
        endpoint = Endpoint.of(base, granted=True)
        self.access = ModelAccess(base, "dummy-key", "played", endpoint)

    async def prepare(self, machine: AgentMachine, request: AgentRequest) -> Launch:
        return await self.agent.prepare(machine, replace(request, provider=self.access))


async def runs_a_command(vm: AgentOs, agent: Any, **options: Any) -> str:
    async with await vm.create_session(agent, **options) as session:
        result = await session.prompt("Run the command.")
    assert result.stop_reason == "end_turn"
    assert await vm.read_text("made.txt") == "seen-42\n"
    assert [event for event in result.events if event.type.startswith("tool_call")]
    return result.text


@pytest.mark.parametrize("kind", [Claude, OpenCode, Pi], ids=lambda kind: kind.name)
async def test_it_works_with_a_provider_of_agentos(vm: AgentOs, kind: Any) -> None:
    with played_model(COMMAND) as model:
        said = await runs_a_command(
            vm, Provided(kind(), model.url), instructions="Be kind to plants."
        )
    assert said.endswith("It says 42.")
    assert model.keys == {"dummy-key"}
    assert {body["model"] for body in model.bodies} == {"played"}
    place = model.bodies[0]["system"] if kind is Claude else model.bodies[0]["messages"]
    assert "Be kind to plants." in json.dumps(place)


@pytest.mark.parametrize("name", ["claude", "opencode", "pi"])
async def test_it_works_through_the_gateway(vm: AgentOs, name: str) -> None:
    wire = Wire.MESSAGES if name == "claude" else Wire.CHAT
    with played_model(COMMAND) as model:
        provider = Provider("played", f"{model.url}/v1", key="upstream-key", speaks=[wire])
        async with ModelGateway([provider]) as gateway:
            said = await runs_a_command(vm, name, provider=gateway, model="played/small")
    assert said.endswith("It says 42.")
    assert model.keys == {"upstream-key"}


@pytest.mark.parametrize("name", ["claude", "opencode", "gemini", "pi"])
async def test_it_goes_on_with_a_session_in_another_machine(name: str) -> None:
    wire = Wire.MESSAGES if name == "claude" else Wire.CHAT
    with played_model(COMMAND) as model:
        provider = Provider("played", f"{model.url}/v1", key="upstream-key", speaks=[wire])
        async with ModelGateway([provider]) as gateway:
            way: dict[str, Any] = {"provider": gateway, "model": "played/small"}
            if name == "gemini":
                env = {"GEMINI_API_KEY": "dummy-key", "GOOGLE_GEMINI_BASE_URL": model.url}
                way = {"env": env, "model": "gemini-2.5-flash"}
            async with AgentOs() as vm, await vm.create_session(name, **way) as session:
                await session.prompt("My colour is blue. Run the command.")
            _make_older(session.id)
            async with AgentOs() as vm:
                again = await vm.resume_session(session.id, **way)
                assert again.resumed is not None
                assert again.resumed.how == "agent"
                assert again.agent_session == session.agent_session
                await again.prompt("Which colour?")
                await again.close()
    said = json.dumps(model.bodies[-1])
    assert said.index("My colour is blue.") < said.index("Which colour?")


def _make_older(session_id: str) -> None:
    """Gemini's files have their minute in their name; one of the same minute is overwritten."""
    for path in (data_dir() / "sessions" / session_id).rglob("session-20*.jsonl"):
        path.rename(path.with_name(re.sub(r"-20\d\d-", "-2020-", path.name)))


@pytest.mark.parametrize("kind", [Claude, OpenCode], ids=lambda kind: kind.name)
async def test_it_does_not_do_what_is_rejected(vm: AgentOs, kind: Any) -> None:
    with played_model(COMMAND) as model:
        agent: Any = Provided(kind(), model.url)
        async with await vm.create_session(agent, permission="reject") as session:
            result = await session.prompt("Run the command.")
    assert [event for event in result.events if event.type == "permission_requested"]
    with pytest.raises(FileNotFoundError):
        await vm.read_text("made.txt")


async def test_pi_warns_that_it_asks_nobody() -> None:
    async with HostMachine() as machine:
        request = AgentRequest(env={"OPENAI_API_KEY": "dummy-key"}, asks=True)
        assert "asks nobody" in (await Pi().prepare(machine, request)).warnings[0]


async def test_gemini_works_with_a_key_of_its_own(vm: AgentOs) -> None:
    with played_model(COMMAND) as model:
        env = {"GEMINI_API_KEY": "dummy-key", "GOOGLE_GEMINI_BASE_URL": model.url}
        said = await runs_a_command(vm, "gemini", env=env, model="gemini-2.5-flash")
    assert said.endswith("It says 42.")
    assert model.keys == {"dummy-key"}


@pytest.mark.parametrize("name", ["claude", "opencode", "gemini", "pi"])
async def test_without_credentials_it_says_which_would_do(vm: AgentOs, name: str) -> None:
    with pytest.raises(AuthenticationRequired) as caught:
        await vm.create_session(name, credentials="env")
    assert all(key in str(caught.value.hint) for key in get_agent(name).credentials)


@pytest.mark.parametrize("name", ["claude", "opencode", "gemini", "pi"])
async def test_a_key_of_its_own_opens_the_api_it_is_for(name: str) -> None:
    agent = get_agent(name)
    async with HostMachine() as machine:
        key = AgentRequest(env={agent.credentials[0]: "dummy-key"})
        assert not await agent.has_credentials(machine, AgentRequest())
        assert await agent.has_credentials(machine, key)
        [endpoint] = (await agent.prepare(machine, key)).endpoints
    host = "generativelanguage.googleapis.com" if name == "gemini" else "api.anthropic.com"
    assert endpoint == Endpoint(host, 443, granted=True)


async def test_gemini_cannot_be_given_a_provider() -> None:
    access = ModelAccess("http://models.agentos.internal/v1")
    async with HostMachine() as machine:
        with pytest.raises(ConfigInvalid, match="Google's own API"):
            await Gemini().prepare(machine, AgentRequest(provider=access))


async def test_opencode_keeps_settings_of_the_caller(vm: AgentOs) -> None:
    mine = Agent("mine", extends="opencode", config={"theme": "nord", "share": "manual"})
    given = {"OPENAI_API_KEY": "dummy-key", "OPENCODE_CONFIG_CONTENT": '{"share": "auto"}'}
    launch = await mine.prepare(vm, AgentRequest(env=given))
    settings = json.loads(launch.env["OPENCODE_CONFIG_CONTENT"])
    assert settings == {"autoupdate": False, "share": "auto", "theme": "nord"}
