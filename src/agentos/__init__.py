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
    from agentos.machine.machine import AgentOs
    from agentos.machine.network import NetworkPolicy
    from agentos.machine.process import ExecResult, Process
    from agentos.machine.processes import ProcessInfo
    from agentos.machine.protocol import FileStat
    from agentos.machine.terminal import Terminal
    from agentos.models.rehearsal import RehearsalModel, Scenario, Step
    from agentos.sessions import McpServer, Session, SessionEvent, Turn, TurnResult

_HOMES = {
    "AgentOs": "agentos.machine.machine",
    "ExecResult": "agentos.machine.process",
    "FileStat": "agentos.machine.protocol",
    "McpServer": "agentos.sessions",
    "NetworkPolicy": "agentos.machine.network",
    "Process": "agentos.machine.process",
    "ProcessInfo": "agentos.machine.processes",
    "RehearsalModel": "agentos.models.rehearsal",
    "Scenario": "agentos.models.rehearsal",
    "Session": "agentos.sessions",
    "SessionEvent": "agentos.sessions",
    "Step": "agentos.models.rehearsal",
    "Terminal": "agentos.machine.terminal",
    "Turn": "agentos.sessions",
    "TurnResult": "agentos.sessions",
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
    "FileStat",
    "IsolationUnavailable",
    "LimitExceeded",
    "MachineError",
    "McpServer",
    "ModelFailed",
    "NetworkDenied",
    "NetworkPolicy",
    "Process",
    "ProcessInfo",
    "RegistryUnreachable",
    "RehearsalModel",
    "Scenario",
    "Session",
    "SessionClosed",
    "SessionEvent",
    "SoftwareError",
    "Step",
    "SyncConflict",
    "Terminal",
    "Turn",
    "TurnResult",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'agentos' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES.get(name, "agentos.errors")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__]
