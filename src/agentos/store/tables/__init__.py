"""The tables, one module a part; importing this package knows them all."""

from agentos.store.tables.facts import FACTS
from agentos.store.tables.model_calls import MODEL_CALLS
from agentos.store.tables.schema import METADATA

__all__ = ["FACTS", "METADATA", "MODEL_CALLS"]
