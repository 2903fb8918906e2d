"""Decisions about the network."""

import sqlalchemy as sa
from alembic import op

from agentos.store.tables.schema import Moment

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "network_decision",
        sa.Column("machine", sa.String(32), primary_key=True),
        sa.Column("number", sa.BigInteger, primary_key=True),
        sa.Column("machine_name", sa.String(64), nullable=False),
        sa.Column("at", Moment, nullable=False),
        sa.Column("ended", Moment),
        sa.Column("verdict", sa.String(10), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("port", sa.Integer),
        sa.Column("address", sa.String(255), nullable=False),
        sa.Column("bytes_out", sa.BigInteger, nullable=False),
        sa.Column("bytes_in", sa.BigInteger, nullable=False),
        sa.Column("rule", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
    )
    op.create_index("ix_network_decision_at", "network_decision", ["at"])


def downgrade() -> None:
    op.drop_table("network_decision")
