"""What AgentOS remembers: transcripts, calls and decisions, in SQLite or PostgreSQL.

The names are imported when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agentos.store.store import Store, default_url

__all__ = ["Store", "default_url"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'agentos.store' has no attribute {name!r}")
    from agentos.store import store

    return getattr(store, name)
