"""How Codex gets its model: keys, base URLs, custom providers, and what is said without them."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from agentos import (
    AgentNotFound,
    AgentOs,
    AuthenticationRequired,
    ConfigInvalid,
    NetworkDenied,
    NetworkPolicy,
    RehearsalModel,
    Scenario,
    Step,
)

CUSTOM = """\
# a user's own file
model = "gpt-5.5"
model_provider = "mine"

[model_providers.mine]
name = "Mine"
base_url = "http://host.agentos.internal:{port}/v1"
env_key = "MY_KEY"
wire_api = "responses"
"""


def _port(model: RehearsalModel) -> int:
    port = urlsplit(model.base_url).port
    assert port
    return port


def _hello() -> RehearsalModel:
    return RehearsalModel(Scenario(steps=[Step(say="hello there")]))


async def test_key_and_base_url_in_env_work(vm: AgentOs) -> None:
    async with _hello() as model:
        env = {"OPENAI_API_KEY": model.api_key, "OPENAI_BASE_URL": model.base_url}
        session = await vm.create_session("codex", env=env, model="gpt-5.5")
        assert (await session.prompt("hi")).text == "hello there"
    assert model.turns[0].headers["authorization"] == f"Bearer {model.api_key}"


async def test_custom_provider_of_the_config_works_untouched() -> None:
    async with _hello() as model:
        policy = NetworkPolicy(allow=[f"host.agentos.internal:{_port(model)}"])
        config = CUSTOM.format(port=_port(model))
        async with AgentOs(network=policy) as vm:
            await vm.mkdir(".codex")
            await vm.write_file(".codex/config.toml", config)
            session = await vm.create_session("codex", env={"MY_KEY": model.api_key})
            assert (await session.prompt("hi")).text == "hello there"
            assert (await vm.read_text(".codex/config.toml")).startswith(config)


async def test_custom_provider_without_its_key_names_the_variable(vm: AgentOs) -> None:
    await vm.mkdir(".codex")
    await vm.write_file(".codex/config.toml", CUSTOM.format(port=1))
    with pytest.raises(AuthenticationRequired, match="MY_KEY"):
        await vm.create_session("codex")


async def test_custom_provider_that_the_policy_forbids(vm: AgentOs) -> None:
    await vm.mkdir(".codex")
    await vm.write_file(".codex/config.toml", CUSTOM.format(port=18080))
    with pytest.raises(NetworkDenied, match=r"host\.agentos\.internal:18080"):
        await vm.create_session("codex", env={"MY_KEY": "dummy"})


async def test_no_credentials_says_which_would_do(vm: AgentOs) -> None:
    with pytest.raises(AuthenticationRequired) as caught:
        await vm.create_session("codex")
    assert caught.value.hint
    for word in ("OPENAI_API_KEY", "CODEX_API_KEY", "model_provider", "RehearsalModel"):
        assert word in caught.value.hint
    assert await vm.processes() == []


async def test_unknown_agent_names_the_known(vm: AgentOs) -> None:
    with pytest.raises(AgentNotFound, match="did you mean 'codex'"):
        await vm.create_session("codecs")


async def test_broken_config_names_file_and_line(vm: AgentOs) -> None:
    await vm.mkdir(".codex")
    await vm.write_file(".codex/config.toml", 'model = "x"\nbroken = = 1\n')
    with pytest.raises(ConfigInvalid, match=r"config\.toml.*line 2"):
        await vm.create_session("codex", env={"OPENAI_API_KEY": "dummy"})


async def test_environment_of_the_host_is_not_the_agents(
    vm: AgentOs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "dummy-of-the-host")
    with pytest.raises(AuthenticationRequired):
        await vm.create_session("codex")
