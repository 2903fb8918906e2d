"""Sessions: a real coding agent at work in a machine."""

from __future__ import annotations

from agentos.agents.definition import McpServer
from agentos.sessions.events import SessionEvent
from agentos.sessions.permission_rules import PermissionRules
from agentos.sessions.permissions import Permission, PermissionOption, PermissionRequest
from agentos.sessions.session import Session
from agentos.sessions.turn import Turn, TurnResult, TurnUsage

__all__ = [
    "McpServer",
    "Permission",
    "PermissionOption",
    "PermissionRequest",
    "PermissionRules",
    "Session",
    "SessionEvent",
    "Turn",
    "TurnResult",
    "TurnUsage",
]
