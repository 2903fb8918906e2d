"""`agentos.toml`: what it may say of models, and what is said of mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentos import Budget, ConfigInvalid, ModelGateway, Price
from agentos.models.credentials import CommandKey, EnvKey, KeyringKey
from agentos.models.settings import load_settings
from agentos.models.upstream import Wire

WHOLE = """
[models]
default = "azure/gpt-5.5"
[models.aliases]
fast = "openrouter/qwen/qwen3-coder"
[models.fallbacks]
"azure/gpt-5.5" = ["openai/gpt-5.5", "fast"]

[providers.azure]
base_url = "https://example.openai.azure.com/openai/v1"
key = { command = ["pass", "show", "azure"] }
key_header = "api-key"
query = { api-version = "preview" }
timeout = 60

[providers.openai]
key = { env = "MY_KEY" }
retries = 0

[providers.local]
base_url = "http://127.0.0.1:8000/v1"
key = { keyring = "llm/me" }
speaks = ["chat"]

[[budgets]]
money = 20
per = "day"

[prices."azure/gpt-5.5"]
input = 1.25
cached_input = 0.125
output = 10

[hub]
port = 1
"""


def _load(tmp_path: Path, text: str) -> object:
    file = tmp_path / "agentos.toml"
    file.write_text(text)
    return load_settings(file)


def test_everything_it_may_say(tmp_path: Path) -> None:
    file = tmp_path / "agentos.toml"
    file.write_text(WHOLE)
    settings = load_settings(file)
    azure, openai, local = settings.providers
    assert (azure.key, azure.key_header, azure.timeout) == (
        CommandKey(("pass", "show", "azure")),
        "api-key",
        60,
    )
    assert azure.query == {"api-version": "preview"}
    assert openai.base_url == "https://api.openai.com/v1"
    assert (openai.key, openai.retries) == (EnvKey("MY_KEY"), 0)
    assert (local.key, local.speaks) == (KeyringKey("llm", "me"), (Wire.CHAT,))
    assert settings.budgets == (Budget(money=20, per="day"),)
    assert settings.prices == {"azure/gpt-5.5": Price(1.25, 10, 0.125)}
    gateway = ModelGateway.of(settings)
    assert str(gateway.routes.default) == "azure/gpt-5.5"
    home = gateway.routes.find("azure/gpt-5.5")
    assert [str(target) for target in gateway.routes.targets("gpt-5.5", home)] == [
        "azure/gpt-5.5",
        "openai/gpt-5.5",
        "openrouter/qwen/qwen3-coder",
    ]
    assert load_settings(file) == settings


def test_no_file_configures_nothing(tmp_path: Path) -> None:
    assert not load_settings(tmp_path / "agentos.toml").configured


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("[providers.openai\n", r":\d+: not valid TOML", ""),
        ('[providers.openai]\nkey = "sk-1"', r"providers\.openai\.key", "no place here"),
        (
            '[providers.openai]\nkey_env = "K"',
            r":2:1: providers\.openai\.key_env: there is no such",
            "did you mean key?",
        ),
        ("[providers.openai]\nkey = {}", "names 0 places", "one of"),
        ("[providers.mine]\nretries = 1", "no base_url", "openai"),
        ('[providers.mine]\nbase_url = "ftp://x"', "ftp://x", "https://"),
        ('[providers.x]\nbase_url = "http://x"\nspeaks = ["soap"]', r"speaks\.0", ""),
        ('[providers.x]\nbase_url = "http://x"\ntimeout = 0', "timeout", ""),
        ('[[budgets]]\nper = "day"', "limits nothing", "money="),
        ('[prices."a/b"]\ninput = -1\noutput = 1', r"prices\.a/b\.input", ""),
    ],
)
def test_a_mistake_is_named_with_its_place(
    tmp_path: Path, text: str, message: str, hint: str
) -> None:
    with pytest.raises(ConfigInvalid, match=message) as caught:
        _load(tmp_path, text)
    assert str(tmp_path) in caught.value.message
    assert hint in (caught.value.hint or "")
    assert "sk-1" not in str(caught.value)


@pytest.mark.parametrize(
    "models",
    ['default = "nowhere/x"', '[models.aliases]\na = "b"\nb = "a"', "[models.fallbacks]\nx = []"],
)
def test_a_route_that_leads_nowhere(tmp_path: Path, models: str) -> None:
    file = tmp_path / "agentos.toml"
    file.write_text(f"[models]\n{models}\n")
    with pytest.raises(ConfigInvalid, match="no route"):
        ModelGateway.of(load_settings(file))
