"""Prompt blocks and settings in Codex's words."""

from __future__ import annotations

from typing import Any

import pytest

from agentos.agents import McpServer
from agentos.errors import AgentError
from agentos.sessions.codex.prompts import inputs_of
from agentos.sessions.codex.settings import overrides


def test_blocks() -> None:
    blocks: list[dict[str, Any]] = [
        {"type": "text", "text": "look"},
        {"type": "image", "mimeType": "image/png", "data": "aGk="},
        {"type": "resource_link", "name": "notes", "uri": "file:///home/agentos/notes.md"},
        {"type": "resource", "resource": {"uri": "file:///a.txt", "text": "inside"}},
    ]
    text, image, link, resource = inputs_of(blocks)
    assert text["text"] == "look"
    assert image == {"type": "image", "url": "data:image/png;base64,aGk="}
    assert link["text"] == "[notes](/home/agentos/notes.md)"
    assert resource["text"] == '<context path="/a.txt">\ninside\n</context>'


def test_a_block_of_another_kind() -> None:
    with pytest.raises(AgentError, match="no prompt block of the type 'smell'"):
        inputs_of([{"type": "smell"}])


def test_settings_replace_only_themselves() -> None:
    settings = {
        "model": "gpt-5.5",
        "features": {"fast": True},
        "projects": {"/home/a.b": {"trust_level": "trusted"}},
        "shell_environment_policy": {"exclude": ["KEY"]},
    }
    servers = {
        "notes": McpServer(command="notes", args=["-v"], env={"A": "1"}),
        "far": McpServer(url="https://far.example/mcp", headers={"X": "y"}),
    }
    assert overrides(settings, servers) == {
        "model": "gpt-5.5",
        "features.fast": True,
        "projects": {"/home/a.b": {"trust_level": "trusted"}},
        "shell_environment_policy.exclude": ["KEY"],
        "mcp_servers.notes": {"command": "notes", "args": ["-v"], "env": {"A": "1"}},
        "mcp_servers.far": {"url": "https://far.example/mcp", "http_headers": {"X": "y"}},
    }
