"""Calls of models, one row each."""

from sqlalchemy import Column, Float, Index, Integer, String, Table, Text

from agentos.store.tables.schema import METADATA, Moment

MODEL_CALLS = Table(
    "model_call",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("at", Moment, nullable=False),
    Column("source", String(40), nullable=False),
    Column("key_id", String(40), nullable=False),
    Column("machine", String(40), nullable=False),
    Column("session", String(200), nullable=False),
    Column("thread", String(200), nullable=False),
    Column("turn", String(200), nullable=False),
    Column("profile", String(200), nullable=False),
    Column("kind", String(40), nullable=False),
    Column("client", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("provider", String(200), nullable=False),
    Column("model_asked", Text, nullable=False),
    Column("model_sent", Text, nullable=False),
    Column("model_served", Text, nullable=False),
    Column("response_id", Text, nullable=False),
    Column("input", Integer),
    Column("cached_input", Integer),
    Column("cache_write", Integer),
    Column("cache_write_hour", Integer),
    Column("output", Integer),
    Column("reasoning", Integer),
    Column("price", Float),
    Column("status", Integer, nullable=False),
    Column("error", Text),
    Column("attempts", Integer, nullable=False),
    Column("first_token", Float),
    Column("duration", Float, nullable=False),
    Index("ix_model_call_at", "at"),
    Index("ix_model_call_key_id", "key_id"),
    Index("ix_model_call_profile", "profile"),
    Index("ix_model_call_session", "session"),
)
