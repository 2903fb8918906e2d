"""Claude Code, the Gemini CLI and the MCP Inspector connect to the hub, both ways."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from tests.agents.played_model import Event, PlayedModel, events_of, offered, played_model
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


def _asks_for_the_page(model: PlayedModel) -> None:
    """Have a model ask for the page about the user, by whatever name the client offers it."""

    def answer(path: str, body: dict[str, Any]) -> list[Event]:
        said = json.dumps(body)
        names = [name for name in offered(body) if name.endswith("read_portfolio_file")]
        text = "She likes tea." if "Ada likes tea." in said else "Nothing."
        call = (names[0], {"name": "identity"}) if names and text == "Nothing." else None
        return events_of(path, text, call)

    model.answer = answer  # type: ignore[method-assign]


def test_claude_code_calls_a_tool(hub: Setup, claude: Path, tmp_path: Path) -> None:
    env = _env(hub, tmp_path, CLAUDE_CONFIG_DIR=str(tmp_path / "claude"), IS_SANDBOX="1")
    run([str(claude), "mcp", "add", "agentos", "--", *BRIDGE], env, tmp_path, check=True)
    with played_model("") as model:
        _asks_for_the_page(model)
        env |= {"ANTHROPIC_BASE_URL": model.url, "ANTHROPIC_AUTH_TOKEN": "dummy-key"}
        env |= {"ENABLE_TOOL_SEARCH": "false"}  # offer the tools at once
        env |= {"ANTHROPIC_MODEL": "played", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1"}
        allowed = ["--allowedTools", "mcp__agentos__read_portfolio_file"]
        ran = run([str(claude), "-p", "What do I like?", *allowed], env, tmp_path, input="")
    assert "She likes tea." in ran.stdout, ran.stdout + ran.stderr
    assert '"client":"claude"' in hub.agentos("log", "--json", "--kind", "tool")


def test_the_gemini_cli_calls_a_tool(hub: Setup, gemini: list[str], tmp_path: Path) -> None:
    env = _env(hub, tmp_path, GEMINI_CLI_TRUST_WORKSPACE="true", GEMINI_API_KEY="dummy-key")
    shown = f"Authorization: Bearer {token_of(hub)}"
    (tmp_path / "work").mkdir()
    settings = tmp_path / "user" / ".gemini" / "settings.json"
    settings.parent.mkdir()
    settings.write_text('{"security": {"auth": {"selectedType": "gemini-api-key"}}}')
    words = ["--transport", "http", "agentos", url_of(hub), "-H", shown]
    run([*gemini, "mcp", "add", *words], env, tmp_path / "work", check=True)
    with played_model("") as model:
        _asks_for_the_page(model)
        env |= {"GOOGLE_GEMINI_BASE_URL": model.url}
        ask = ["-m", "gemini-2.5-flash", "--approval-mode", "yolo", "-p", "What do I like?"]
        ran = run([*gemini, *ask], env, tmp_path / "work", input="")
    assert "She likes tea." in ran.stdout, ran.stdout + ran.stderr
