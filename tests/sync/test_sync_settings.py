"""What `agentos.toml` says of sync and profiles, and where its mistakes are said to be."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agentos.errors import ConfigInvalid
from agentos.settings.document import read_document
from agentos.settings.sync_tables import sync_settings
from agentos.sync.settings import DEFAULT_PROFILES, SyncSettings, load_sync_settings
from agentos.sync.source import Profile


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "agentos.toml"


def test_nothing_said_means_the_usual(file: Path) -> None:
    assert load_sync_settings(file) == SyncSettings()
    file.write_text("")
    assert load_sync_settings(file) == SyncSettings()
    assert sync_settings(read_document(file)) == SyncSettings()


def test_everything_can_be_said(file: Path) -> None:
    file.write_text(
        """
[sync]
clients = ["codex", "gemini"]
hub = "http"
directories = { cursor = "/mnt/c/Users/me/.cursor" }

[profiles.planner]
model = "deepseek/next"
settings = { model_reasoning_effort = "high" }

[profiles.cheap]
enabled = false

[profiles.local]
model = "qwen"
provider = "box"
base_url = "http://127.0.0.1:8000/v1"
env_key = "BOX_KEY"

[profiles.strong]
model = "gpt-5.5"
provider = "openai"
"""
    )
    found = load_sync_settings(file)
    assert found == sync_settings(read_document(file))
    assert found.clients == ("codex", "gemini")
    assert found.hub == "http"
    assert found.directories == {"cursor": "/mnt/c/Users/me/.cursor"}
    planner, tools, agentic, *_ = DEFAULT_PROFILES
    assert found.profiles == (
        Profile("planner", "deepseek/next", settings={"model_reasoning_effort": "high"}),
        tools,
        agentic,
        Profile("local", "qwen", "box", "http://127.0.0.1:8000/v1", "BOX_KEY"),
        Profile("strong", "gpt-5.5", "openai"),
    )
    assert planner.model not in {each.model for each in found.profiles}


@pytest.mark.parametrize(
    ("said", "line", "words"),
    [
        ("[sync]\nhub = 'carrier pigeon'", 2, "sync.hub"),
        ("[sync]\nclients = ['codex', 'vim']", 2, "no such client"),
        ("[sync]\nclients = 'codex'", 2, "sync.clients"),
        ("[sync]\nclient = ['codex']", 2, "no such setting"),
        ("[sync.directories]\nvim = '/x'", 2, "no such client"),
        ("\n[profiles.new]\nprovider = 'openrouter'", 2, "model is missing"),
        ("[profiles.x]\nmodel = 'm'\nprovider = 'p'", 1, "base_url is missing"),
        ("[profiles.planner]\nmodel = ''", 2, "profiles.planner.model"),
        ("[profiles.planner]\nmodel = 1", 2, "profiles.planner.model"),
        ("[profiles.planner]\nkey = 'sk-x'", 2, "no such setting"),
        ("[profiles.'a b']\nmodel = 'm'", 1, "name of a profile"),
        ("[profiles.planner]\nenabled = 1", 2, "enabled"),
        ("profiles = 1", 1, "profiles"),
        ("[sync\n", 1, "TOML"),
    ],
)
def test_a_mistake_is_said_with_its_line(file: Path, said: str, line: int, words: str) -> None:
    file.write_text(said)
    with pytest.raises(ConfigInvalid, match=re.escape(f"{file}:{line}:")) as caught:
        load_sync_settings(file)
    assert words in caught.value.message


def test_a_key_itself_is_not_a_setting(file: Path) -> None:
    file.write_text("[profiles.planner]\napi_key = 'sk-secret'")
    with pytest.raises(ConfigInvalid) as caught:
        load_sync_settings(file)
    assert "sk-secret" not in str(caught.value)
