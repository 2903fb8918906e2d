"""The source: what the AgentOS home has for the clients."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from agentos.errors import ConfigInvalid
from agentos.home.setup import make_home, plan_home
from agentos.sync.loading import hub_entry, load_source
from agentos.sync.settings import DEFAULT_PROFILES, SyncSettings


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AGENTOS_STATE_DIR", str(tmp_path / "state"))
    make_home(plan_home(tmp_path / "home"))
    return tmp_path / "home"


def test_a_fresh_home_has_the_hub_and_the_usual_profiles(home: Path) -> None:
    source = load_source(home, env={})
    assert source.profiles == DEFAULT_PROFILES
    assert not source.fragment
    assert not source.skills
    assert not any(source.instructions.values())
    assert source.hub is not None
    assert Path(source.hub.command[0]).is_absolute()
    assert source.hub.command[-1] == "mcp"
    assert source.hub.env == {"AGENTOS_HOME": str(home)}
    assert source.hub.url == "http://127.0.0.1:3000/mcp"


def test_what_is_in_the_home_is_read(home: Path) -> None:
    clients = home / "clients"
    (clients / "codex/config-fragment.toml").write_text('model_verbosity = "low"\n[a]\nb = [1]\n')
    (clients / "shared/AGENTS.md").write_text("For all.\n")
    (clients / "claude/CLAUDE.md").write_text("For Claude.\n")
    (clients / "claude/settings.json").write_text('{"cleanupPeriodDays": 365}')
    (clients / "claude/commands/deep").mkdir(parents=True)
    (clients / "claude/commands/deep/ship.md").write_text("Ship it.")
    (clients / "cursor/rules").mkdir()
    (clients / "cursor/rules/py.mdc").write_text("---\n---\n")
    source = load_source(home, env={})
    assert source.fragment == {"model_verbosity": "low", "a": {"b": [1]}}
    assert source.instructions["claude"] == "For all.\n\nFor Claude."
    assert source.instructions["codex"] == "For all."
    assert source.settings["claude"] == {"cleanupPeriodDays": 365}
    assert source.files["claude"] == {"commands/deep/ship.md": b"Ship it."}
    assert source.files["cursor"] == {"rules/py.mdc": b"---\n---\n"}


@pytest.mark.parametrize(
    ("file", "content", "line"),
    [
        ("codex/config-fragment.toml", "a = 1\nb = \n", ":2:"),
        ("codex/config-fragment.toml", "a = 1\na = 2\n", ":2:"),
        ("claude/settings.json", '{\n"a": 1,\n}', ":3:"),
        ("claude/settings.json", "[]", ":1:"),
        ("gemini/settings.json", '{"a": tru}', ":1:"),
        ("claude/CLAUDE.md", b"fine\n\xff\n", ":2:"),
        ("codex/config-fragment.toml", "at = 2026-01-01\n", ": at: a date"),
    ],
)
def test_a_file_that_is_wrong_is_named_with_its_line(
    home: Path, file: str, content: str | bytes, line: str
) -> None:
    path = home / "clients" / file
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigInvalid, match=re.escape(f"{path}{line}")):
        load_source(home, env={})


def test_a_home_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid, match="no AgentOS home"):
        load_source(tmp_path / "none", env={})


def test_the_hub_is_where_the_settings_say_until_it_has_run(home: Path) -> None:
    (home / "agentos.toml").write_text("[hub]\nport = 4000\n[sync]\nhub = 'http'\n")
    source = load_source(home, env={})
    assert source.hub is not None
    assert source.hub.over_http
    assert source.hub.url == "http://127.0.0.1:4000/mcp"
    assert hub_entry(home, SyncSettings(hub="none"), {}) is None


def test_the_hub_is_where_it_last_was(home: Path, tmp_path: Path) -> None:
    running = {
        "pid": 1,
        "birth": "x",
        "host": "127.0.0.1",
        "port": 3001,
        "version": "1",
        "url": "http://127.0.0.1:3001",
        "started": "2026-01-01T00:00:00",
        "home": str(home),
    }
    (tmp_path / "state").mkdir()
    (tmp_path / "state/hub.json").write_text(json.dumps(running))
    hub = load_source(home, env={}).hub
    assert hub is not None
    assert hub.url == "http://127.0.0.1:3001/mcp"


def test_the_bridge_is_told_of_places_that_are_not_the_usual(home: Path) -> None:
    env = {"AGENTOS_STATE_DIR": "/srv/state", "AGENTOS_DATA_DIR": "", "WSL_DISTRO_NAME": "Debian"}
    hub = load_source(home, env=env).hub
    assert hub is not None
    assert hub.env == {"AGENTOS_STATE_DIR": "/srv/state", "AGENTOS_HOME": str(home)}
    assert hub.distribution == "Debian"


def test_it_is_read_without_what_takes_long_to_import(home: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from agentos.sync.loading import load_source;"
        "from agentos.sync.clients import CLIENTS; s = load_source(Path(sys.argv[1]));"
        "[c.desired(s, c.places({'HOME': '/x'})) for c in CLIENTS.values()];"
        "print([m for m in ('pydantic', 'tomlkit', 'yaml', 'rich', 'httpx') if m in sys.modules])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script, str(home)], capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "[]"
