"""Sessions, their events, and the words in them."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "session",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("agent", sa.String(100), nullable=False),
        sa.Column("agent_session", sa.String(200)),
        sa.Column("machine", sa.String(200), nullable=False),
        sa.Column("parent", sa.String(64)),
        sa.Column("title", sa.Text),
        sa.Column("settings", sa.Text, nullable=False),
        sa.Column("created", moment, nullable=False),
        sa.Column("updated", moment, nullable=False),
        sa.Column("ended", moment),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("last_seq", sa.BigInteger, nullable=False),
        sa.Column("compacted_seq", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_session_updated", "session", ["updated"])
    op.create_table(
        "session_event",
        sa.Column("session_id", sa.String(64), sa.ForeignKey("session.id"), primary_key=True),
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("last_seq", sa.BigInteger, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("type", sa.String(100), nullable=False),
        sa.Column("data", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            "create virtual table session_text using fts5"
            "(words, session_id unindexed, seq unindexed)"
        )
    else:
        op.execute(
            "create table session_text ("
            "words text not null, session_id varchar(64) not null, seq bigint not null, "
            "found tsvector generated always as (to_tsvector('simple', words)) stored)"
        )
        op.execute("create index ix_session_text_found on session_text using gin (found)")
        op.execute("create index ix_session_text_session on session_text (session_id)")


def downgrade() -> None:
    op.drop_table("session_text")
    op.drop_table("session_event")
    op.drop_table("session")
