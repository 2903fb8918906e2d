"""The public names, pinned: a change here is a change for users."""

from __future__ import annotations

import subprocess
import sys

import agentos
from agentos import AgentOsError

NAMES = [
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


def test_exported_names_are_these() -> None:
    assert sorted(agentos.__all__) == sorted(NAMES)


def test_each_name_can_be_had() -> None:
    for name in NAMES:
        assert getattr(agentos, name).__name__ == name


def test_every_error_has_a_code_of_its_own() -> None:
    errors = [
        value
        for name in NAMES
        if isinstance(value := getattr(agentos, name), type) and issubclass(value, AgentOsError)
    ]
    codes = [error.default_code for error in errors]
    assert len(set(codes)) == len(codes)


def test_the_machine_alone_imports_nothing_heavy() -> None:
    heavy = "acp mcp pydantic starlette uvicorn yaml httpx2 rich typer"
    script = f"""
import sys
from agentos import AgentOs, NetworkPolicy
loaded = [name for name in {heavy.split()!r} if name in sys.modules]
assert not loaded, loaded
"""
    subprocess.run([sys.executable, "-c", script], check=True)


def test_the_command_line_imports_nothing_heavy() -> None:
    heavy = "acp mcp pydantic starlette uvicorn yaml httpx2 rich"
    script = f"""
import sys
from agentos.cli.main import build_app
build_app()
loaded = [name for name in {heavy.split()!r} if name in sys.modules]
assert not loaded, loaded
"""
    subprocess.run([sys.executable, "-c", script], check=True)
