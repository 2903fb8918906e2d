"""`agentos profiles` and `agentos env`, as commands; the Codex that tries a profile is real."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentos.config import data_dir
from agentos.home.setup import make_home, plan_home
from agentos.software import ensure

COMMAND = (sys.executable, "-m", "agentos")


@pytest.fixture(scope="module", autouse=True)
def _installed() -> None:
    asyncio.run(ensure(["codex"]))


@pytest.fixture
def env(tmp_path: Path) -> Iterator[dict[str, str]]:
    make_home(plan_home(tmp_path / "AgentOS"))
    yield {
        "HOME": str(tmp_path),
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        "AGENTOS_DATA_DIR": str(data_dir()),
    }
    assert not list((tmp_path / ".agentos").glob("profile-*"))


def agentos(env: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *words], capture_output=True, text=True, check=False, env=env, timeout=100
    )


def test_profiles_are_shown_with_the_state_of_their_keys(env: dict[str, str]) -> None:
    rows = json.loads(
        agentos({**env, "OPENROUTER_API_KEY": "k"}, "profiles", "list", "--json").stdout
    )
    assert [row["name"] for row in rows] == ["planner", "tools", "agentic", "cheap"]
    assert all(row["key"] is True for row in rows)
    assert "$OPENROUTER_API_KEY is not set" in agentos(env, "profiles", "list").stdout


def test_a_profile_is_changed_added_and_switched_off(env: dict[str, str]) -> None:
    file = Path(env["HOME"], "AgentOS/agentos.toml")
    before = file.read_text()
    assert agentos(env, "profiles", "set", "planner", "deepseek/next").returncode == 0
    words = ("--provider", "box", "--base-url", "http://127.0.0.1:9/v1", "--env-key", "BOX")
    settings = ("--setting", "model_context_window=1000", "--setting", "features.goals=false")
    assert agentos(env, "profiles", "set", "mine", "my/model", *words, *settings).returncode == 0
    assert agentos(env, "profiles", "set", "cheap", "--off").returncode == 0
    assert file.read_text().startswith(before)
    assert tomllib.loads(file.read_text())["profiles"]["mine"] == {
        "model": "my/model",
        "provider": "box",
        "base_url": "http://127.0.0.1:9/v1",
        "env_key": "BOX",
        "settings": {"model_context_window": 1000, "features": {"goals": False}},
    }
    rows = {
        row["name"]: row for row in json.loads(agentos(env, "profiles", "list", "--json").stdout)
    }
    assert rows["planner"]["model"] == "deepseek/next"
    assert "cheap" not in rows


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("bad", "m", "--provider", "box"), "base_url is missing"),
        (("new", "--env-key", "X"), "model is missing"),
        (("planner",), "nothing is said"),
        (("planner", "--setting", "x"), "sets nothing"),
        (("a b", "m"), "name of a profile"),
        (("planner", "--base-url", "ftp://example.org"), "base_url"),
        (("planner", "--on", "--off"), "either on or off"),
    ],
)
def test_what_would_not_be_valid_is_not_set(
    env: dict[str, str], words: tuple[str, ...], said: str
) -> None:
    file = Path(env["HOME"], "AgentOS/agentos.toml")
    before = file.read_bytes()
    ran = agentos(env, "profiles", "set", *words)
    assert ran.returncode == 1
    assert said in ran.stderr
    assert file.read_bytes() == before


@pytest.mark.parametrize("name", ["planner", "tools", "agentic", "cheap"])
def test_codex_starts_with_each_profile(env: dict[str, str], name: str) -> None:
    ran = agentos(env, "profiles", "test", name)
    assert ran.returncode == 0, ran.stderr
    assert "answered 'ok'" in ran.stdout


def test_a_setting_that_codex_does_not_know_is_said(env: dict[str, str]) -> None:
    agentos(env, "profiles", "set", "planner", "--setting", "no_such_setting=1")
    ran = agentos(env, "profiles", "test", "planner")
    assert ran.returncode == 1
    assert "planner.config.toml" in ran.stderr
    assert "no_such_setting" in ran.stderr


def test_a_profile_is_tried_under_the_user_s_own_settings(env: dict[str, str]) -> None:
    codex = Path(env["HOME"], ".codex")
    codex.mkdir()
    started = Path(env["HOME"], "started")
    (codex / "config.toml").write_text(
        f'[mcp_servers."a.b"]\ncommand = "touch"\nargs = ["{started}"]\n'
    )
    assert agentos(env, "profiles", "test", "planner").returncode == 0
    assert not started.exists()
    assert [each.name for each in codex.iterdir()] == ["config.toml"]
    (codex / "config.toml").write_text("oops = 1\n")
    ran = agentos(env, "profiles", "test", "planner")
    assert ran.returncode == 1
    assert "config.toml:1:1" in ran.stderr


def test_the_provider_is_not_asked_without_its_key(env: dict[str, str]) -> None:
    ran = agentos(env, "profiles", "test", "planner", "--live")
    assert ran.returncode == 1
    assert "OPENROUTER_API_KEY" in ran.stderr


def test_the_provider_itself_fails_in_its_own_words(env: dict[str, str]) -> None:
    words = ("--provider", "box", "--base-url", "http://127.0.0.1:9/v1", "--env-key", "BOX")
    agentos(env, "profiles", "set", "mine", "m", *words)
    agentos(
        env, "profiles", "set", "mine", "--setting", "model_providers.box.request_max_retries=0"
    )
    agentos(env, "profiles", "set", "mine", "--setting", "model_providers.box.stream_max_retries=0")
    ran = agentos({**env, "BOX": "dummy"}, "profiles", "test", "mine", "--live")
    assert ran.returncode == 1
    assert "Connection failed" in ran.stderr


def test_a_profile_that_is_not_there_is_said(env: dict[str, str]) -> None:
    ran = agentos(env, "profiles", "test", "planer")
    assert ran.returncode == 1
    assert "planner" in ran.stderr


def test_the_token_is_exported_and_stays_in_step(env: dict[str, str]) -> None:
    show = f'eval "$({sys.executable} -m agentos env)"; printf %s "$AGENTOS_TOKEN"'
    shown = subprocess.run(
        ["sh", "-c", show], capture_output=True, text=True, check=True, env=env
    ).stdout
    token = agentos(env, "token", "show").stdout.strip()
    assert shown == token
    installed = agentos(env, "env", "--install", "--shell", "sh")
    assert installed.returncode == 0
    conf = Path(env["HOME"], ".config/environment.d/60-agentos.conf")
    assert token in conf.read_text()
    rotated = agentos(env, "token", "rotate").stdout.strip()
    assert rotated != token
    assert rotated in conf.read_text()
    source = f'. "{env["HOME"]}/.agentos/env.sh"; printf %s "$AGENTOS_TOKEN"'
    sourced = subprocess.run(
        ["sh", "-c", source], capture_output=True, text=True, check=True, env=env
    )
    assert sourced.stdout == rotated
    assert agentos(env, "env", "--remove").stdout.count("is removed") == 2
    assert not conf.exists()
