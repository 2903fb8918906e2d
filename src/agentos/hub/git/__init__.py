"""Git for agents: status, diff, commit and push, in registered repositories, with care."""

from agentos.hub.git.repositories import Repositories
from agentos.hub.git.results import (
    CommitResult,
    DiffResult,
    HeldBack,
    PushResult,
    StatusEntry,
    StatusResult,
)

__all__ = [
    "CommitResult",
    "DiffResult",
    "HeldBack",
    "PushResult",
    "Repositories",
    "StatusEntry",
    "StatusResult",
]
