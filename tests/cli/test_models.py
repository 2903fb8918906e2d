"""`agentos models`, as a user runs it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

from agentos import RehearsalModel, Scenario, Step


def agentos(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "agentos", *words],
        capture_output=True,
        env={**os.environ, "AGENTOS_HOME": str(home), "PLAYED": "wrong-key"},
        timeout=60,
        text=True,
        check=False,
    )


def test_list_shows_providers_aliases_and_the_default(tmp_path: Path) -> None:
    (tmp_path / "agentos.toml").write_text(
        '[models]\ndefault = "fast"\n[models.aliases]\nfast = "mine/m"\n'
        '[providers.mine]\nbase_url = "http://127.0.0.1:1/v1"\nspeaks = ["chat"]\n'
    )
    ran = agentos(tmp_path, "models", "list")
    assert ran.returncode == 0
    for words in ("mine", "http://127.0.0.1:1/v1", "-> mine/m", "default: fast", "openrouter"):
        assert words in ran.stdout
    said = json.loads(agentos(tmp_path, "models", "list", "--json").stdout)
    assert said["default"] == "fast"
    assert {
        "name": "mine",
        "base_url": "http://127.0.0.1:1/v1",
        "speaks": ["chat/completions"],
    } in (said["providers"])


async def test_check_tells_what_is_wrong(tmp_path: Path) -> None:
    import asyncio

    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    async with RehearsalModel(Scenario(steps=[Step(say="hi")])) as model:
        (tmp_path / "agentos.toml").write_text(
            f'[providers.down]\nbase_url = "http://127.0.0.1:{port}/v1"\n'
            f'[providers.refusing]\nbase_url = "{model.base_url}"\nkey = {{ env = "PLAYED" }}\n'
            f'[providers.keyless]\nbase_url = "{model.base_url}"\nkey = {{ env = "NOT_SET" }}\n'
            f'[providers.fine]\nbase_url = "{model.base_url}"\n'
            f'key = {{ command = ["echo", "{model.api_key}"] }}\n'
        )
        ran = await asyncio.to_thread(agentos, tmp_path, "models", "check", "--json")
        fine = await asyncio.to_thread(agentos, tmp_path, "models", "check", "fine")
    states = {row["provider"]: row["state"] for row in json.loads(ran.stdout)}
    assert states == {
        "down": "unreachable",
        "refusing": "refused",
        "keyless": "no_key",
        "fine": "ok",
    }
    assert ran.returncode == 1
    assert fine.returncode == 0
    assert model.api_key not in ran.stdout + fine.stdout


def test_check_without_anything_to_check(tmp_path: Path) -> None:
    ran = agentos(tmp_path, "models", "check")
    assert ran.returncode == 1
    assert "configures no provider" in ran.stderr
