"""What the hub was asked."""

import sqlalchemy as sa
from alembic import op

from agentos.store.tables.schema import Moment

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "hub_event",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("at", Moment, nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("client", sa.String(100), nullable=False),
        sa.Column("project", sa.String(100), nullable=False),
        sa.Column("principal", sa.String(100), nullable=False),
        sa.Column("outcome", sa.String(100), nullable=False),
        sa.Column("duration_ms", sa.Float, nullable=False),
        sa.Column("bytes_in", sa.BigInteger, nullable=False),
        sa.Column("bytes_out", sa.BigInteger, nullable=False),
        sa.Column("request_id", sa.String(100), nullable=False),
        sa.Column("arguments", sa.Text),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_hub_event_at", "hub_event", ["at"])
    for column in ("kind", "name", "client", "project", "outcome"):
        op.create_index(f"ix_hub_event_{column}_id", "hub_event", [column, "id"])
    op.create_table(
        "hub_count",
        sa.Column("kind", sa.String(20), primary_key=True),
        sa.Column("name", sa.String(200), primary_key=True),
        sa.Column("outcome", sa.String(100), primary_key=True),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.Column("duration_ms", sa.Float, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("hub_count")
    op.drop_table("hub_event")
