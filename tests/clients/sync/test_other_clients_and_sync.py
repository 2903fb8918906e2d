"""The real Claude Code, Gemini CLI and OpenCode read what sync writes, and rewrite it."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
from tests.clients.sync.conftest import Desk

QUIET = {"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "DISABLE_AUTOUPDATER": "1"}


def read(path: os.PathLike[str]) -> dict[str, Any]:
    with open(path) as file:
        found: dict[str, Any] = json.load(file)
    return found


def test_claude_code_connects_to_the_hub(desk: Desk, claude: str) -> None:
    desk.push("claude")
    desk.agentos("up")  # what a start takes is not the client's time
    listed = desk.run([claude, "mcp", "list"], env=QUIET).stdout
    [line] = [each for each in listed.splitlines() if each.startswith("agentOS-portfolio:")]
    assert "Connected" in line
    shown = desk.run([claude, "mcp", "get", "agentOS-portfolio"], env=QUIET).stdout
    assert "User config" in shown


def test_claude_code_rewrites_its_files_and_sync_goes_on(desk: Desk, claude: str) -> None:
    own = desk.user / ".claude.json"
    own.write_text('{"numStartups": 3, "mcpServers": {"mine": {"command": "true", "args": []}}}')
    own.chmod(0o600)
    desk.push("claude")
    desk.run([claude, "mcp", "add", "-s", "user", "other", "--", "echo", "hi"], env=QUIET)
    desk.agentos("sync", "check", "--client", "claude")
    (desk.home / "clients/claude/settings.json").write_text('{"cleanupPeriodDays": 99}')
    desk.push("claude")
    found = read(own)
    assert set(found["mcpServers"]) == {"mine", "other", "agentOS-portfolio"}
    assert found["numStartups"] >= 3
    assert own.stat().st_mode & 0o777 == 0o600
    assert read(desk.user / ".claude/settings.json") == {"cleanupPeriodDays": 99}
    desk.run([claude, "mcp", "remove", "-s", "user", "agentOS-portfolio"], env=QUIET)
    desk.push("claude")
    assert "agentOS-portfolio" not in read(own)["mcpServers"]


def test_a_new_file_of_claude_s_account_is_the_user_s_alone(desk: Desk) -> None:
    desk.push("claude")
    assert (desk.user / ".claude.json").stat().st_mode & 0o077 == 0


def test_the_gemini_cli_connects_and_finds_the_skill(desk: Desk, gemini: list[str]) -> None:
    settings = desk.user / ".gemini/settings.json"
    settings.parent.mkdir()
    settings.write_text('{\n  // my own\n  "ui": {"theme": "GitHub"},\n}\n')
    desk.push("gemini")
    desk.agentos("up")
    trusted = {"GEMINI_CLI_TRUST_WORKSPACE": "true"}
    ran = desk.run([*gemini, "mcp", "list"], env=trusted)
    said = (ran.stdout + ran.stderr).splitlines()
    assert any("agentOS-portfolio" in each and "- Connected" in each for each in said), said
    skills = desk.run([*gemini, "skills", "list"], env=trusted)
    assert "How we ship things here." in skills.stdout + skills.stderr

    desk.run([*gemini, "mcp", "add", "-s", "user", "other", "echo", "hi"], env=trusted)
    desk.agentos("sync", "check", "--client", "gemini")
    desk.configure("[sync]\nhub = 'http'\n")
    desk.push("gemini")
    text = settings.read_text()
    assert "// my own" in text
    assert '"other"' in text
    assert "Bearer $AGENTOS_TOKEN" in text


def test_opencode_connects_and_finds_the_skill(desk: Desk, opencode: str) -> None:
    directory = desk.user / ".config/opencode"
    directory.mkdir(parents=True)
    (directory / "opencode.jsonc").write_text('{\n  // my own\n  "username": "ada",\n}\n')
    desk.push("opencode")
    desk.agentos("up")
    listed = desk.run([opencode, "mcp", "list"])
    assert "agentOS-portfolio" in listed.stdout + listed.stderr
    assert "connected" in listed.stdout + listed.stderr
    assert read_shown(desk.run([opencode, "debug", "config"]).stdout)["username"] == "ada"
    skills = desk.run([opencode, "debug", "skill"]).stdout
    assert "How we ship things here." in skills
    desk.agentos("sync", "check", "--client", "opencode")


def read_shown(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text[text.index("{") :])
    return found


@pytest.mark.parametrize("client", ["claude", "gemini", "opencode", "cursor"])
def test_no_file_holds_the_token(desk: Desk, client: str) -> None:
    token = desk.agentos("token", "show").strip()
    for hub in ("stdio", "http"):
        desk.configure(f"[sync]\nhub = '{hub}'\n")
        desk.push(client)
        for path in desk.user.rglob("*"):
            if path.is_file() and path.parent != desk.user / ".agentos":
                assert token.encode() not in path.read_bytes(), path
