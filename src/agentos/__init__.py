"""AgentOS gives each coding agent a computer of its own.

The public names, each imported when it is first used.
"""

from __future__ import annotations

import importlib

TYPE_CHECKING = False  # importing typing takes as long as all else here
if TYPE_CHECKING:
    from typing import Any

    from agentos.agents.custom import Agent
    from agentos.agents.skills import Skill
    from agentos.errors import (
        AgentCrashed,
        AgentError,
        AgentNotFound,
        AgentOsError,
        AuthenticationRequired,
        BudgetExceeded,
        CassetteMismatch,
        ChecksumMismatch,
        CommandFailed,
        ConfigInvalid,
        ExecTimeout,
        InterpreterEnded,
        IsolationUnavailable,
        LimitExceeded,
        MachineError,
        ModelFailed,
        NetworkDenied,
        ObjectStoreError,
        RegistryUnreachable,
        SessionClosed,
        SessionNotFound,
        SessionTaken,
        SoftwareError,
        StoreError,
        SyncConflict,
        SyncError,
    )
    from agentos.hub.access import HubAccess
    from agentos.machine.interpreters.interpreter import CodeError, CodeResult, Interpreter
    from agentos.machine.limits.limits import Limits, LimitWarning
    from agentos.machine.limits.stats import Stats
    from agentos.machine.machine import AgentOs
    from agentos.machine.mounts import Mount
    from agentos.machine.mounts.objects.source import S3Credentials
    from agentos.machine.mounts.objects.sync import SyncReport
    from agentos.machine.network import NetworkPolicy, NetworkRequest
    from agentos.machine.network.servers.listening import PortEvent
    from agentos.machine.output_log import OutputChunk
    from agentos.machine.pool import MachinePool
    from agentos.machine.process import ExecResult, Process
    from agentos.machine.processes import ProcessInfo, ProcessTree
    from agentos.machine.protocol import FileStat
    from agentos.machine.schedules.schedule import Schedule, ScheduleEvent
    from agentos.machine.terminal import Terminal
    from agentos.machine.trees import DirEntry, FileResult
    from agentos.machine.watch import Watch
    from agentos.machine.watched_tree import FileChange
    from agentos.models.budgets import Budget
    from agentos.models.cassettes.cassette import cassette
    from agentos.models.gateway import ModelGateway
    from agentos.models.metering import ModelCall
    from agentos.models.providers import Provider
    from agentos.models.rehearsal import RehearsalModel, Scenario, Step
    from agentos.sessions import McpServer, Session, SessionEvent, Turn, TurnResult
    from agentos.sessions.permission_rules import PermissionRules
    from agentos.sessions.permissions import PermissionRequest
    from agentos.sessions.tools import Tool, ToolContext
    from agentos.sessions.transcripts import SessionRecord
    from agentos.usage.prices import Price

_HOMES = {
    "Agent": "agentos.agents.custom",
    "AgentOs": "agentos.machine.machine",
    "Budget": "agentos.models.budgets",
    "CodeError": "agentos.machine.interpreters.interpreter",
    "CodeResult": "agentos.machine.interpreters.interpreter",
    "DirEntry": "agentos.machine.trees",
    "ExecResult": "agentos.machine.process",
    "FileChange": "agentos.machine.watched_tree",
    "FileResult": "agentos.machine.trees",
    "FileStat": "agentos.machine.protocol",
    "HubAccess": "agentos.hub.access",
    "Interpreter": "agentos.machine.interpreters.interpreter",
    "LimitWarning": "agentos.machine.limits.limits",
    "Limits": "agentos.machine.limits.limits",
    "MachinePool": "agentos.machine.pool",
    "McpServer": "agentos.sessions",
    "ModelCall": "agentos.models.metering",
    "ModelGateway": "agentos.models.gateway",
    "Mount": "agentos.machine.mounts",
    "NetworkPolicy": "agentos.machine.network",
    "NetworkRequest": "agentos.machine.network",
    "OutputChunk": "agentos.machine.output_log",
    "PermissionRequest": "agentos.sessions.permissions",
    "PermissionRules": "agentos.sessions.permission_rules",
    "PortEvent": "agentos.machine.network.servers.listening",
    "Price": "agentos.usage.prices",
    "Process": "agentos.machine.process",
    "ProcessInfo": "agentos.machine.processes",
    "ProcessTree": "agentos.machine.processes",
    "Provider": "agentos.models.providers",
    "RehearsalModel": "agentos.models.rehearsal",
    "S3Credentials": "agentos.machine.mounts.objects.source",
    "Scenario": "agentos.models.rehearsal",
    "Schedule": "agentos.machine.schedules.schedule",
    "ScheduleEvent": "agentos.machine.schedules.schedule",
    "Session": "agentos.sessions",
    "SessionEvent": "agentos.sessions",
    "SessionRecord": "agentos.sessions.transcripts",
    "Skill": "agentos.agents.skills",
    "Stats": "agentos.machine.limits.stats",
    "Step": "agentos.models.rehearsal",
    "SyncReport": "agentos.machine.mounts.objects.sync",
    "Terminal": "agentos.machine.terminal",
    "Tool": "agentos.sessions.tools",
    "ToolContext": "agentos.sessions.tools",
    "Turn": "agentos.sessions",
    "TurnResult": "agentos.sessions",
    "Watch": "agentos.machine.watch",
    "cassette": "agentos.models.cassettes.cassette",
}

__all__ = [
    "Agent",
    "AgentCrashed",
    "AgentError",
    "AgentNotFound",
    "AgentOs",
    "AgentOsError",
    "AuthenticationRequired",
    "Budget",
    "BudgetExceeded",
    "CassetteMismatch",
    "ChecksumMismatch",
    "CodeError",
    "CodeResult",
    "CommandFailed",
    "ConfigInvalid",
    "DirEntry",
    "ExecResult",
    "ExecTimeout",
    "FileChange",
    "FileResult",
    "FileStat",
    "HubAccess",
    "Interpreter",
    "InterpreterEnded",
    "IsolationUnavailable",
    "LimitExceeded",
    "LimitWarning",
    "Limits",
    "MachineError",
    "MachinePool",
    "McpServer",
    "ModelCall",
    "ModelFailed",
    "ModelGateway",
    "Mount",
    "NetworkDenied",
    "NetworkPolicy",
    "NetworkRequest",
    "ObjectStoreError",
    "OutputChunk",
    "PermissionRequest",
    "PermissionRules",
    "PortEvent",
    "Price",
    "Process",
    "ProcessInfo",
    "ProcessTree",
    "Provider",
    "RegistryUnreachable",
    "RehearsalModel",
    "S3Credentials",
    "Scenario",
    "Schedule",
    "ScheduleEvent",
    "Session",
    "SessionClosed",
    "SessionEvent",
    "SessionNotFound",
    "SessionRecord",
    "SessionTaken",
    "Skill",
    "SoftwareError",
    "Stats",
    "Step",
    "StoreError",
    "SyncConflict",
    "SyncError",
    "SyncReport",
    "Terminal",
    "Tool",
    "ToolContext",
    "Turn",
    "TurnResult",
    "Watch",
    "cassette",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'agentos' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES.get(name, "agentos.errors")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__]
