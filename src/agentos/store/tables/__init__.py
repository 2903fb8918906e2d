"""The tables, one module a part; importing this package knows them all."""

from agentos.store.tables.facts import FACTS
from agentos.store.tables.hub_events import HUB_COUNTS, HUB_EVENTS
from agentos.store.tables.model_calls import MODEL_CALLS
from agentos.store.tables.network import NETWORK_DECISIONS
from agentos.store.tables.schema import METADATA
from agentos.store.tables.transcripts import EVENTS, SESSIONS
from agentos.store.tables.usage import (
    USAGE_CALLERS,
    USAGE_CALLS,
    USAGE_PROBLEMS,
    USAGE_QUARTERS,
    USAGE_SOURCES,
)

__all__ = [
    "EVENTS",
    "FACTS",
    "HUB_COUNTS",
    "HUB_EVENTS",
    "METADATA",
    "MODEL_CALLS",
    "NETWORK_DECISIONS",
    "SESSIONS",
    "USAGE_CALLERS",
    "USAGE_CALLS",
    "USAGE_PROBLEMS",
    "USAGE_QUARTERS",
    "USAGE_SOURCES",
]
