"""What AgentOS remembers: transcripts, calls and decisions, in SQLite or PostgreSQL."""

from agentos.store.store import Store, default_url

__all__ = ["Store", "default_url"]
