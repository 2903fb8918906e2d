"""The ledger of usage."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_ROW_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.add_column("model_call", sa.Column("cache_write_hour", sa.Integer))
    op.create_table(
        "usage_source",
        sa.Column("id", _ROW_ID, primary_key=True),
        sa.Column("path", sa.Text, nullable=False, unique=True),
        sa.Column("client", sa.String(40), nullable=False),
        sa.Column("device", sa.BigInteger, nullable=False),
        sa.Column("inode", sa.BigInteger, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("modified", sa.BigInteger, nullable=False),
        sa.Column("offset", sa.BigInteger, nullable=False),
        sa.Column("line", sa.BigInteger, nullable=False),
        sa.Column("head", sa.String(64), nullable=False),
        sa.Column("tail", sa.String(64), nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("gone", sa.Integer, nullable=False),
    )
    op.create_table(
        "usage_problem",
        sa.Column("source_id", _ROW_ID, sa.ForeignKey("usage_source.id"), primary_key=True),
        sa.Column("line", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.String(40), primary_key=True),
        sa.Column("message", sa.Text, nullable=False),
    )
    op.create_table(
        "usage_call",
        sa.Column("id", _ROW_ID, primary_key=True),
        sa.Column("identity", sa.Text, nullable=False, unique=True),
        sa.Column("source", sa.String(20), nullable=False),
        sa.Column("confidence", sa.String(10), nullable=False),
        sa.Column("client", sa.Text, nullable=False),
        sa.Column("session", sa.Text, nullable=False),
        sa.Column("thread", sa.Text, nullable=False),
        sa.Column("turn", sa.Text, nullable=False),
        sa.Column("response_id", sa.Text, nullable=False),
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("project", sa.Text, nullable=False),
        sa.Column("profile", sa.Text, nullable=False),
        sa.Column("agent", sa.Text, nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("tier", sa.String(40), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("metered", sa.Integer, nullable=False),
        sa.Column("input", sa.BigInteger, nullable=False),
        sa.Column("cached_input", sa.BigInteger, nullable=False),
        sa.Column("cache_write", sa.BigInteger, nullable=False),
        sa.Column("cache_write_hour", sa.BigInteger, nullable=False),
        sa.Column("output", sa.BigInteger, nullable=False),
        sa.Column("reasoning", sa.BigInteger, nullable=False),
        sa.Column("price", sa.Float),
        sa.Column("source_id", sa.BigInteger, nullable=False),
        sa.Column("line", sa.BigInteger, nullable=False),
        sa.Column("offset", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_usage_call_at", "usage_call", ["at"])
    op.create_index("ix_usage_call_session", "usage_call", ["session"])
    op.create_table(
        "usage_quarter",
        sa.Column("quarter", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("session", sa.Text, primary_key=True),
        sa.Column("model", sa.Text, primary_key=True),
        sa.Column("provider", sa.Text, primary_key=True),
        sa.Column("client", sa.Text, primary_key=True),
        sa.Column("project", sa.Text, primary_key=True),
        sa.Column("profile", sa.Text, primary_key=True),
        sa.Column("agent", sa.Text, primary_key=True),
        sa.Column("source", sa.String(20), primary_key=True),
        sa.Column("tier", sa.String(40), primary_key=True),
        sa.Column("context", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("priced", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("calls", sa.BigInteger, nullable=False),
        sa.Column("unmetered", sa.BigInteger, nullable=False),
        sa.Column("derived", sa.BigInteger, nullable=False),
        sa.Column("input", sa.BigInteger, nullable=False),
        sa.Column("cached_input", sa.BigInteger, nullable=False),
        sa.Column("cache_write", sa.BigInteger, nullable=False),
        sa.Column("cache_write_hour", sa.BigInteger, nullable=False),
        sa.Column("output", sa.BigInteger, nullable=False),
        sa.Column("reasoning", sa.BigInteger, nullable=False),
        sa.Column("price", sa.Float, nullable=False),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("usage_quarter")
    op.drop_table("usage_call")
    op.drop_table("usage_problem")
    op.drop_table("usage_source")
    op.drop_column("model_call", "cache_write_hour")
