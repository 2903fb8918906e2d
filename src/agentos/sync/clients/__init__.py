"""The clients that sync deploys to, a module each. A new one is added to `CLIENTS`."""

from __future__ import annotations

from agentos.sync.client import Client
from agentos.sync.clients.claude import ClaudeCode
from agentos.sync.clients.codex import Codex
from agentos.sync.clients.cursor import Cursor
from agentos.sync.clients.gemini import Gemini
from agentos.sync.clients.opencode import OpenCode

CLIENTS: dict[str, Client] = {
    client.name: client for client in (Codex(), ClaudeCode(), Cursor(), Gemini(), OpenCode())
}

__all__ = ["CLIENTS"]
