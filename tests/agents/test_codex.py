"""How Codex is started: from the caller's wishes and from its own files in the machine."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from agentos.agents import AgentRequest, Endpoint, Launch, McpServer, ModelAccess
from agentos.agents.codex import Codex, CodexAcp
from agentos.errors import AuthenticationRequired, ConfigInvalid, NetworkDenied
from agentos.machine.network import NetworkPolicy
from agentos.testing.host_machine import HostMachine

Prepare = Callable[..., Awaitable[Launch]]
KEY = {"OPENAI_API_KEY": "sk-test"}
CUSTOM = """
model_provider = "corp"
[model_providers.corp]
base_url = "https://llm.corp.example:8443/v1"
env_key = "CORP_KEY"
"""


@pytest.fixture
async def machine() -> AsyncIterator[HostMachine]:
    async with HostMachine(network=NetworkPolicy(allow=["mcp.example.com"])) as host:
        (host.home / ".codex").mkdir()
        yield host


@pytest.fixture(params=[Codex, CodexAcp])
def prepared(request: pytest.FixtureRequest, machine: HostMachine) -> Prepare:
    """Work out how Codex is started, directly and through its adapter."""

    async def prepare(config: str = "", **wishes: Any) -> Launch:
        (machine.home / ".codex" / "config.toml").write_text(config)
        launch: Launch = await request.param().prepare(machine, AgentRequest(**wishes))
        for endpoint in launch.endpoints:
            await endpoint.open(machine, "the model provider")
        return launch

    return prepare


def settings(launch: Launch) -> dict[str, Any]:
    if launch.driver == "codex":
        return dict(launch.config)
    return dict(json.loads(launch.env["CODEX_CONFIG"]))


def provider(launch: Launch) -> dict[str, Any]:
    found = settings(launch)
    return dict(found["model_providers"][found["model_provider"]])


async def test_it_is_driven_directly_from_the_pinned_software(machine: HostMachine) -> None:
    launch = await Codex().prepare(machine, AgentRequest(env=KEY))
    assert launch.argv == ["/opt/agentos/codex/0.169.0/bin/codex", "app-server"]
    assert launch.cwd == str(machine.home)
    assert launch.mode is None
    asking = await Codex().prepare(machine, AgentRequest(env=KEY, asks=True))
    assert asking.mode == "ask"


async def test_its_adapter_runs_with_full_access(machine: HostMachine) -> None:
    launch = await CodexAcp().prepare(machine, AgentRequest(env=KEY))
    assert launch.argv == [
        "/opt/agentos/node/24.19.0/bin/node",
        "/opt/agentos/codex-acp/2.6.0/dist/index.js",
    ]
    assert launch.env["CODEX_PATH"] == "/opt/agentos/codex/0.169.0/bin/codex"
    assert launch.env["INITIAL_AGENT_MODE"] == "agent-full-access"


async def test_a_key_is_used_without_being_written_down(
    machine: HostMachine, prepared: Prepare
) -> None:
    launch = await prepared(env=KEY)
    assert provider(launch)["base_url"] == "https://api.openai.com/v1"
    assert provider(launch)["env_key"] == "OPENAI_API_KEY"
    assert "sk-test" not in json.dumps(settings(launch))
    assert launch.authentication is None
    assert machine.network.policy.allows("api.openai.com", 443)


async def test_codexs_own_key_variable_works_too(prepared: Prepare) -> None:
    launch = await prepared(env={"CODEX_API_KEY": "sk-test"})
    assert provider(launch)["env_key"] == "CODEX_API_KEY"


async def test_a_base_url_is_respected_and_its_host_allowed(
    machine: HostMachine, prepared: Prepare
) -> None:
    env = KEY | {"OPENAI_BASE_URL": "https://proxy.example:9443/openai/v1"}
    launch = await prepared(env=env)
    assert provider(launch)["base_url"] == env["OPENAI_BASE_URL"]
    assert machine.network.policy.allows("proxy.example", 9443)
    assert not machine.network.policy.allows("api.openai.com", 443)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
async def test_the_hosts_loopback_is_meant_by_a_loopback_url(
    machine: HostMachine, prepared: Prepare, host: str
) -> None:
    launch = await prepared(env=KEY | {"OPENAI_BASE_URL": f"http://{host}:4000/v1"})
    assert provider(launch)["base_url"] == "http://host.agentos.internal:4000/v1"
    assert launch.env["OPENAI_BASE_URL"] == "http://host.agentos.internal:4000/v1"
    assert machine.network.policy.allows("host.agentos.internal", 4000)


async def test_a_denied_host_stays_denied(machine: HostMachine, prepared: Prepare) -> None:
    machine.network.policy = NetworkPolicy(deny=["*"])
    with pytest.raises(NetworkDenied, match=r"api\.openai\.com:443"):
        await prepared(env=KEY)


async def test_a_base_url_that_is_none(prepared: Prepare) -> None:
    with pytest.raises(ConfigInvalid, match="'example' is not an HTTP URL"):
        await prepared(env=KEY | {"OPENAI_BASE_URL": "example"})


async def test_without_credentials_it_says_which_would_do(prepared: Prepare) -> None:
    with pytest.raises(AuthenticationRequired) as caught:
        await prepared()
    for way in ("OPENAI_API_KEY", "CODEX_API_KEY", "config.toml", "RehearsalModel"):
        assert way in str(caught.value)


async def test_a_provider_of_the_caller_wins_and_its_key_is_kept_from_commands(
    machine: HostMachine,
) -> None:
    access = ModelAccess("http://models.agentos.internal/v1", "key-1", "gpt-5.5")
    config = CUSTOM + '[shell_environment_policy]\nexclude = ["MINE"]\n'
    (machine.home / ".codex" / "config.toml").write_text(config)
    request = AgentRequest(env=KEY, provider=access)
    direct = await Codex().prepare(machine, request)
    assert provider(direct)["experimental_bearer_token"] == "key-1"
    assert "key-1" not in direct.env.values()
    adapted = await CodexAcp().prepare(machine, request)
    assert adapted.env[provider(adapted)["env_key"]] == "key-1"
    hidden = settings(adapted)["shell_environment_policy"]["exclude"]
    assert hidden == ["MINE", provider(adapted)["env_key"]]
    for launch in (direct, adapted):
        assert provider(launch)["base_url"] == access.base_url
        assert settings(launch)["model"] == "gpt-5.5"


async def test_the_callers_model_wins_over_the_providers(prepared: Prepare) -> None:
    access = ModelAccess("http://models.agentos.internal/v1", None, "gpt-5.5")
    launch = await prepared(provider=access, model="gpt-6")
    assert settings(launch)["model"] == "gpt-6"


async def test_a_custom_provider_is_left_as_it_is(machine: HostMachine, prepared: Prepare) -> None:
    machine.network.policy = NetworkPolicy(allow=["llm.corp.example:8443"])
    launch = await prepared(CUSTOM, env=KEY | {"CORP_KEY": "k"})
    assert "model_provider" not in settings(launch)
    assert "model_providers" not in settings(launch)


async def test_a_custom_provider_without_its_key(prepared: Prepare) -> None:
    with pytest.raises(AuthenticationRequired, match="CORP_KEY, which is not set"):
        await prepared(CUSTOM, env=KEY)


async def test_a_custom_provider_must_be_allowed_by_the_policy(prepared: Prepare) -> None:
    with pytest.raises(NetworkDenied) as caught:
        await prepared(CUSTOM, env={"CORP_KEY": "k"})
    assert caught.value.hint == 'NetworkPolicy(allow=["llm.corp.example:8443"])'


async def test_a_custom_provider_inside_the_machine_needs_no_policy(prepared: Prepare) -> None:
    config = 'model_provider = "own"\n[model_providers.own]\nbase_url = "http://127.0.0.1:9/v1"\n'
    assert (await prepared(config)).endpoints == (Endpoint("127.0.0.1", 9),)


async def test_a_login_in_the_machine_does(machine: HostMachine, prepared: Prepare) -> None:
    (machine.home / ".codex" / "auth.json").write_text('{"OPENAI_API_KEY": "sk"}')
    machine.network.policy = NetworkPolicy(allow=["api.openai.com"])
    assert "model_provider" not in settings(await prepared())


async def test_a_chatgpt_login_needs_chatgpt(machine: HostMachine, prepared: Prepare) -> None:
    (machine.home / ".codex" / "auth.json").write_text('{"tokens": {"access_token": "t"}}')
    with pytest.raises(NetworkDenied, match=r"chatgpt\.com:443"):
        await prepared()


async def test_a_broken_config_is_named_with_its_line(prepared: Prepare) -> None:
    with pytest.raises(ConfigInvalid, match=r"\.codex/config\.toml .* line 2"):
        await prepared('model = "x"\nmodel_provider = \n', env=KEY)


async def test_instructions_are_added_to_those_of_the_config(prepared: Prepare) -> None:
    launch = await prepared('developer_instructions = "one"', env=KEY, instructions="two")
    assert settings(launch)["developer_instructions"] == "one\n\ntwo"


async def test_settings_of_the_caller_win(prepared: Prepare) -> None:
    own = {"features": {"unbounded_connection_retries": True}, "model": "mine"}
    launch = await prepared(env=KEY | {"CODEX_CONFIG": json.dumps(own)}, model="other")
    assert settings(launch)["features"] == own["features"]
    assert settings(launch)["model"] == "mine"
    with pytest.raises(ConfigInvalid, match="CODEX_CONFIG is not valid JSON"):
        await prepared(env=KEY | {"CODEX_CONFIG": "{"})


async def test_an_unreachable_provider_does_not_retry_for_ever(prepared: Prepare) -> None:
    launch = await prepared(env=KEY)
    assert settings(launch)["features"] == {"unbounded_connection_retries": False}


async def test_denied_mcp_servers_are_warned_of_with_the_line_to_add(prepared: Prepare) -> None:
    config = """
[mcp_servers.fine]
url = "https://mcp.example.com/mcp"
[mcp_servers.local]
command = "notes"
[mcp_servers.off]
url = "https://off.example/mcp"
enabled = false
[mcp_servers.hub]
url = "http://hub.agentos.internal/mcp"
[mcp_servers.far]
url = "https://far.example/mcp"
"""
    servers = {
        "near": McpServer(url="http://near.example/mcp"),
        "fine": McpServer(command="other"),
    }
    launch = await prepared(config, env=KEY, mcp_servers=servers)
    warnings = launch.warnings
    assert any("'far'" in w and 'allow=["far.example:443"]' in w for w in warnings)
    assert any("'near'" in w and 'allow=["near.example:80"]' in w for w in warnings)
    overruled = any("'fine' of" in w and "not that of mcp_servers=" in w for w in warnings)
    assert overruled == (launch.driver == "acp")
    assert len(warnings) == 2 + overruled
