"""Calls of models."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "model_call",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("source", sa.String(40), nullable=False),
        sa.Column("key_id", sa.String(40), nullable=False),
        sa.Column("machine", sa.String(40), nullable=False),
        sa.Column("session", sa.String(200), nullable=False),
        sa.Column("thread", sa.String(200), nullable=False),
        sa.Column("turn", sa.String(200), nullable=False),
        sa.Column("profile", sa.String(200), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("client", sa.Text, nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("provider", sa.String(200), nullable=False),
        sa.Column("model_asked", sa.Text, nullable=False),
        sa.Column("model_sent", sa.Text, nullable=False),
        sa.Column("model_served", sa.Text, nullable=False),
        sa.Column("response_id", sa.Text, nullable=False),
        sa.Column("input", sa.Integer),
        sa.Column("cached_input", sa.Integer),
        sa.Column("cache_write", sa.Integer),
        sa.Column("output", sa.Integer),
        sa.Column("reasoning", sa.Integer),
        sa.Column("price", sa.Float),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("error", sa.Text),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("first_token", sa.Float),
        sa.Column("duration", sa.Float, nullable=False),
    )
    for column in ("at", "key_id", "profile", "session"):
        op.create_index(f"ix_model_call_{column}", "model_call", [column])


def downgrade() -> None:
    op.drop_table("model_call")
