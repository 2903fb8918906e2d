"""AgentOS gives each coding agent a computer of its own.

The public names, each imported when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agentos.errors import (
        AgentCrashed,
        AgentError,
        AgentNotFound,
        AgentOsError,
        AuthenticationRequired,
        BudgetExceeded,
        ChecksumMismatch,
        CommandFailed,
        ConfigInvalid,
        ExecTimeout,
        IsolationUnavailable,
        LimitExceeded,
        MachineError,
        ModelFailed,
        NetworkDenied,
        RegistryUnreachable,
        SessionClosed,
        SoftwareError,
        SyncConflict,
    )
    from agentos.machine.limits.limits import Limits, LimitWarning
    from agentos.machine.limits.stats import Stats
    from agentos.machine.machine import AgentOs
    from agentos.machine.mounts import Mount
    from agentos.machine.network import NetworkPolicy, NetworkRequest
    from agentos.machine.network.servers.listening import PortEvent
    from agentos.machine.pool import MachinePool
    from agentos.machine.process import ExecResult, Process
    from agentos.machine.processes import ProcessInfo
    from agentos.machine.protocol import FileStat
    from agentos.machine.terminal import Terminal
    from agentos.machine.watch import Watch
    from agentos.machine.watched_tree import FileChange
    from agentos.models.rehearsal import RehearsalModel, Scenario, Step
    from agentos.sessions import McpServer, Session, SessionEvent, Turn, TurnResult

_HOMES = {
    "AgentOs": "agentos.machine.machine",
    "ExecResult": "agentos.machine.process",
    "FileChange": "agentos.machine.watched_tree",
    "FileStat": "agentos.machine.protocol",
    "LimitWarning": "agentos.machine.limits.limits",
    "Limits": "agentos.machine.limits.limits",
    "MachinePool": "agentos.machine.pool",
    "McpServer": "agentos.sessions",
    "Mount": "agentos.machine.mounts",
    "NetworkPolicy": "agentos.machine.network",
    "NetworkRequest": "agentos.machine.network",
    "PortEvent": "agentos.machine.network.servers.listening",
    "Process": "agentos.machine.process",
    "ProcessInfo": "agentos.machine.processes",
    "RehearsalModel": "agentos.models.rehearsal",
    "Scenario": "agentos.models.rehearsal",
    "Session": "agentos.sessions",
    "SessionEvent": "agentos.sessions",
    "Stats": "agentos.machine.limits.stats",
    "Step": "agentos.models.rehearsal",
    "Terminal": "agentos.machine.terminal",
    "Turn": "agentos.sessions",
    "TurnResult": "agentos.sessions",
    "Watch": "agentos.machine.watch",
}

__all__ = [
    "AgentCrashed",
    "AgentError",
    "AgentNotFound",
    "AgentOs",
    "AgentOsError",
    "AuthenticationRequired",
    "BudgetExceeded",
    "ChecksumMismatch",
    "CommandFailed",
    "ConfigInvalid",
    "ExecResult",
    "ExecTimeout",
    "FileChange",
    "FileStat",
    "IsolationUnavailable",
    "LimitExceeded",
    "LimitWarning",
    "Limits",
    "MachineError",
    "MachinePool",
    "McpServer",
    "ModelFailed",
    "Mount",
    "NetworkDenied",
    "NetworkPolicy",
    "NetworkRequest",
    "PortEvent",
    "Process",
    "ProcessInfo",
    "RegistryUnreachable",
    "RehearsalModel",
    "Scenario",
    "Session",
    "SessionClosed",
    "SessionEvent",
    "SoftwareError",
    "Stats",
    "Step",
    "SyncConflict",
    "Terminal",
    "Turn",
    "TurnResult",
    "Watch",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'agentos' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES.get(name, "agentos.errors")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__]
