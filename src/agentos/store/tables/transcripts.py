"""Sessions and their events.

An event row stands for the events `seq` to `last_seq`: pieces of one text are stored as they
come and put together when their turn ends.
"""

from sqlalchemy import BigInteger, Column, Float, ForeignKey, Index, Integer, String, Table, Text

from agentos.store.tables.schema import METADATA, Moment

SESSIONS = Table(
    "session",
    METADATA,
    Column("id", String(64), primary_key=True),
    Column("agent", String(100), nullable=False),
    Column("agent_session", String(200)),
    Column("machine", String(200), nullable=False),
    Column("parent", String(64)),
    Column("title", Text),
    Column("settings", Text, nullable=False),
    Column("created", Moment, nullable=False),
    Column("updated", Moment, nullable=False),
    Column("ended", Moment),
    Column("epoch", Integer, nullable=False),
    Column("last_seq", BigInteger, nullable=False),
    Column("compacted_seq", BigInteger, nullable=False),
    Index("ix_session_updated", "updated"),
)

EVENTS = Table(
    "session_event",
    METADATA,
    Column("session_id", String(64), ForeignKey("session.id"), primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("last_seq", BigInteger, nullable=False),
    Column("at", Float, nullable=False),
    Column("type", String(100), nullable=False),
    Column("data", Text, nullable=False),
    sqlite_with_rowid=False,
)
