"""Claude Code, the Gemini CLI and the MCP Inspector connect to the hub, both ways."""

from __future__ import annotations

import json
import os
from pathlib import Path

from tests.clients.hub.conftest import run, token_of, url_of
from tests.hub.bridge.conftest import AGENTOS, Setup
from tests.hub.mcp.test_listing import NAMES

BRIDGE = (*AGENTOS, "mcp")


def _env(hub: Setup, place: Path, **more: str) -> dict[str, str]:
    """What the programs need: the hub's places, and a home that is not the user's."""
    (place / "user").mkdir(exist_ok=True)
    kept = {name: v for name, v in hub.env.items() if name.startswith(("AGENTOS_", "PYTHONPATH"))}
    return {**kept, "PATH": os.environ["PATH"], "HOME": str(place / "user"), **more}


def test_the_inspector_lists_and_calls_over_http(
    hub: Setup, inspector: Path, tmp_path: Path
) -> None:
    shown = f"Authorization: Bearer {token_of(hub)}"
    ask = [str(inspector), "--cli", url_of(hub), "--transport", "http", "--header", shown]
    env = _env(hub, tmp_path)
    listed = run([*ask, "--method", "tools/list"], env, tmp_path, check=True)
    assert {tool["name"] for tool in json.loads(listed.stdout)["tools"]} == NAMES
    call = ["--method", "tools/call", "--tool-name", "read_portfolio_file"]
    read = run([*ask, *call, "--tool-arg", "name=identity"], env, tmp_path, check=True)
    assert "Ada likes tea." in json.loads(read.stdout)["structuredContent"]["text"]
    resources = run([*ask, "--method", "resources/list"], env, tmp_path, check=True)
    assert "portfolio://identity" in resources.stdout


def test_the_inspector_lists_over_the_bridge(hub: Setup, inspector: Path, tmp_path: Path) -> None:
    env = _env(hub, tmp_path)
    # A child of the inspector gets of the environment what it is told to.
    passed = [f"{n}={v}" for n, v in env.items() if n.startswith(("AGENTOS_", "PYTHONPATH"))]
    given = [word for each in passed for word in ("-e", each)]
    ask = [str(inspector), "--cli", *given, "--method", "tools/list", "--", *BRIDGE]
    listed = run(ask, env, tmp_path)
    assert listed.returncode == 0, listed.stderr + listed.stdout
    assert {tool["name"] for tool in json.loads(listed.stdout)["tools"]} == NAMES


def test_claude_code_connects(hub: Setup, claude: Path, tmp_path: Path) -> None:
    env = _env(hub, tmp_path, CLAUDE_CONFIG_DIR=str(tmp_path / "claude"))
    shown = f"Authorization: Bearer {token_of(hub)}"
    add = [str(claude), "mcp", "add"]
    for words in (
        ["--transport", "http", "over-http", url_of(hub), "--header", shown],
        ["over-bridge", "--", *BRIDGE],
        ["--transport", "http", "stranger", url_of(hub), "--header", "Authorization: Bearer no"],
    ):
        run([*add, *words], env, tmp_path, check=True)
    listed = run([str(claude), "mcp", "list"], env, tmp_path, check=True).stdout
    states = {line.partition(":")[0]: line for line in listed.splitlines() if ": " in line}
    assert "Connected" in states["over-http"]
    assert "Connected" in states["over-bridge"]
    assert "Connected" not in states["stranger"]


def test_the_gemini_cli_connects(hub: Setup, gemini: list[str], tmp_path: Path) -> None:
    env = _env(hub, tmp_path, GEMINI_CLI_TRUST_WORKSPACE="true")
    (tmp_path / "work").mkdir()
    shown = f"Authorization: Bearer {token_of(hub)}"
    for words in (
        ["--transport", "http", "over-http", url_of(hub), "-H", shown],
        ["over-bridge", BRIDGE[0], *BRIDGE[1:]],
    ):
        run([*gemini, "mcp", "add", *words], env, tmp_path / "work", check=True)
    ran = run([*gemini, "mcp", "list"], env, tmp_path / "work", check=True)
    said = (ran.stdout + ran.stderr).splitlines()
    for name in ("over-http", "over-bridge"):
        assert any(name in line and "- Connected" in line for line in said), said
