"""The ledger of usage: what was read, the calls found there, and their sums.

The sums (`usage_quarter`) change in the same transaction as the calls, so that a report over a
million calls reads some thousand rows.
"""

from sqlalchemy import BigInteger, Column, Float, ForeignKey, Index, Integer, String, Table, Text

from agentos.store.tables.schema import METADATA

_ROW_ID = BigInteger().with_variant(Integer, "sqlite")

#: What was read, and how far.
USAGE_SOURCES = Table(
    "usage_source",
    METADATA,
    Column("id", _ROW_ID, primary_key=True),
    Column("path", Text, nullable=False, unique=True),
    Column("client", String(40), nullable=False),
    Column("device", BigInteger, nullable=False),
    Column("inode", BigInteger, nullable=False),
    Column("size", BigInteger, nullable=False),  # in bytes, when it was read
    Column("modified", BigInteger, nullable=False),  # in nanoseconds since 1970
    Column("offset", BigInteger, nullable=False),  # the end of the last whole line read
    Column("line", BigInteger, nullable=False),  # its number
    Column("head", String(64), nullable=False),  # fingerprint of the first bytes
    Column("tail", String(64), nullable=False),  # fingerprint of the last bytes read
    Column("state", Text, nullable=False),  # what a reader has to remember, JSON
    Column("gone", Integer, nullable=False),  # 1: it is no more there
)

#: Lines that could not be counted.
USAGE_PROBLEMS = Table(
    "usage_problem",
    METADATA,
    Column("source_id", _ROW_ID, ForeignKey("usage_source.id"), primary_key=True),
    Column("line", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", String(40), primary_key=True),
    Column("message", Text, nullable=False),
)

#: Who called, and whom: what many calls have in common, so that each need not repeat it.
USAGE_CALLERS = Table(
    "usage_caller",
    METADATA,
    Column("id", _ROW_ID, primary_key=True),
    Column("source", String(20), nullable=False),
    Column("client", Text, nullable=False),
    Column("session", Text, nullable=False),
    Column("thread", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("project", Text, nullable=False),
    Column("profile", Text, nullable=False),
    Column("agent", Text, nullable=False),
    Column("kind", String(40), nullable=False),
    Column("tier", String(40), nullable=False),
    Index(
        "ix_usage_caller_words",
        *("session", "thread", "model", "provider", "project", "kind"),
        *("tier", "source", "client", "profile", "agent"),
        unique=True,
    ),
)

#: Calls, one row each.
USAGE_CALLS = Table(
    "usage_call",
    METADATA,
    Column("id", _ROW_ID, primary_key=True),
    Column("identity", Text, nullable=False, unique=True),
    Column("caller_id", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),  # in milliseconds since 1970, UTC
    Column("line", BigInteger, nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("confidence", String(10), nullable=False),
    Column("turn", Text, nullable=False),
    Column("response_id", Text),  # null: it is the identity
    Column("metered", Integer, nullable=False),  # 0: nobody knows its tokens
    Column("input", BigInteger, nullable=False),
    Column("cached_input", BigInteger, nullable=False),
    Column("cache_write", BigInteger, nullable=False),
    Column("cache_write_hour", BigInteger, nullable=False),
    Column("output", BigInteger, nullable=False),
    Column("reasoning", BigInteger, nullable=False),
    Column("price", Float),
    Column("source_id", BigInteger, nullable=False),  # 0: the gateway's own records
    Index(None, "at"),
    Index(None, "caller_id"),
)

#: Sums of calls, by quarter of an hour: every time zone begins its days at one.
USAGE_QUARTERS = Table(
    "usage_quarter",
    METADATA,
    Column("quarter", BigInteger, primary_key=True, autoincrement=False),  # start, s since 1970
    Column("caller_id", BigInteger, primary_key=True, autoincrement=False),
    # The input exceeds so many tokens: one of usage.call.CONTEXT_STEPS.
    Column("context", BigInteger, primary_key=True, autoincrement=False),
    # 1: the sources wrote down what these calls cost, and `price` is the sum.
    Column("priced", Integer, primary_key=True, autoincrement=False),
    Column("calls", BigInteger, nullable=False),
    Column("unmetered", BigInteger, nullable=False),  # calls whose tokens nobody knows
    Column("derived", BigInteger, nullable=False),  # calls whose tokens are a difference
    Column("input", BigInteger, nullable=False),
    Column("cached_input", BigInteger, nullable=False),
    Column("cache_write", BigInteger, nullable=False),
    Column("cache_write_hour", BigInteger, nullable=False),
    Column("output", BigInteger, nullable=False),
    Column("reasoning", BigInteger, nullable=False),
    Column("price", Float, nullable=False),
    sqlite_with_rowid=False,
)
