"""What the hub was asked, one row each, and how often."""

from sqlalchemy import BigInteger, Column, Float, Index, Integer, String, Table, Text

from agentos.store.tables.schema import METADATA, Moment

HUB_EVENTS = Table(
    "hub_event",
    METADATA,
    # Never used again, even when every row is gone: readers remember how far they are by it.
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("at", Moment, nullable=False),
    Column("kind", String(20), nullable=False),
    Column("name", String(200), nullable=False),
    Column("client", String(100), nullable=False),
    Column("project", String(100), nullable=False),
    Column("principal", String(100), nullable=False),
    Column("outcome", String(100), nullable=False),
    Column("duration_ms", Float, nullable=False),
    Column("bytes_in", BigInteger, nullable=False),
    Column("bytes_out", BigInteger, nullable=False),
    Column("request_id", String(100), nullable=False),
    Column("arguments", Text),
    Index(None, "at"),
    Index(None, "kind", "id"),
    Index(None, "name", "id"),
    Index(None, "client", "id"),
    Index(None, "project", "id"),
    Index(None, "outcome", "id"),
    sqlite_autoincrement=True,
)

#: Outlives the rows that it counts.
HUB_COUNTS = Table(
    "hub_count",
    METADATA,
    Column("kind", String(20), primary_key=True),
    Column("name", String(200), primary_key=True),
    Column("outcome", String(100), primary_key=True),
    Column("count", BigInteger, nullable=False),
    Column("duration_ms", Float, nullable=False),
)
