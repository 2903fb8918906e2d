"""Small facts about the store itself, by name."""

from sqlalchemy import Column, String, Table, Text

from agentos.store.tables.schema import METADATA

FACTS = Table(
    "fact",
    METADATA,
    Column("name", String(100), primary_key=True),
    Column("value", Text, nullable=False),
)
