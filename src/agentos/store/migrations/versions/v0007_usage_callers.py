"""What many calls have in common, in a table of its own: a call takes a third of the room."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_ROW_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_WORDS = (
    *("session", "thread", "model", "provider", "project", "kind"),
    *("tier", "source", "client", "profile", "agent"),
)
_SHORT = {"source": 20, "kind": 40, "tier": 40}
_TOKENS = ("input", "cached_input", "cache_write", "cache_write_hour", "output", "reasoning")
_COUNTS = ("calls", "unmetered", "derived", *_TOKENS)
#: Quarters of an hour, as sums are kept.
_QUARTER = "at / 900000 * 900"
_CONTEXT = (
    "case when input > 272000 then 272000 when input > 200000 then 200000"
    " when input > 128000 then 128000 when input > 100000 then 100000 else 0 end"
)


def upgrade() -> None:
    op.execute("create table usage_call_before as select * from usage_call")
    op.drop_table("usage_call")
    op.drop_table("usage_quarter")
    _make_callers()
    _make_calls()
    _make_quarters()
    op.drop_table("usage_call_before")


def _make_callers() -> None:
    texts = [
        sa.Column(name, sa.String(_SHORT[name]) if name in _SHORT else sa.Text, nullable=False)
        for name in _WORDS
    ]
    op.create_table("usage_caller", sa.Column("id", _ROW_ID, primary_key=True), *texts)
    op.create_index("ix_usage_caller_words", "usage_caller", list(_WORDS), unique=True)
    words = ", ".join(_WORDS)
    op.execute(f"insert into usage_caller ({words}) select distinct {words} from usage_call_before")


def _make_calls() -> None:
    op.create_table(
        "usage_call",
        sa.Column("id", _ROW_ID, primary_key=True),
        sa.Column("identity", sa.Text, nullable=False, unique=True),
        sa.Column("caller_id", sa.BigInteger, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("line", sa.BigInteger, nullable=False),
        sa.Column("offset", sa.BigInteger, nullable=False),
        sa.Column("confidence", sa.String(10), nullable=False),
        sa.Column("turn", sa.Text, nullable=False),
        sa.Column("response_id", sa.Text),
        sa.Column("metered", sa.Integer, nullable=False),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in _TOKENS),
        sa.Column("price", sa.Float),
        sa.Column("source_id", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_usage_call_at", "usage_call", ["at"])
    op.create_index("ix_usage_call_caller_id", "usage_call", ["caller_id"])
    same = [
        *("identity", "at", "line", "offset", "confidence", "turn", "metered"),
        *(*_TOKENS, "price", "source_id"),
    ]
    names = ", ".join(f'"{name}"' for name in same)
    told = ", ".join(f'told."{name}"' for name in same)
    match = " and ".join(f"caller.{name} = told.{name}" for name in _WORDS)
    op.execute(
        f"insert into usage_call ({names}, caller_id, response_id)"
        f" select {told}, caller.id, nullif(told.response_id, told.identity)"
        f" from usage_call_before as told join usage_caller as caller on {match} order by told.id"
    )


def _make_quarters() -> None:
    op.create_table(
        "usage_quarter",
        sa.Column("quarter", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("caller_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("context", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("priced", sa.Integer, primary_key=True, autoincrement=False),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in _COUNTS),
        sa.Column("price", sa.Float, nullable=False),
        sqlite_with_rowid=False,
    )
    counted = [
        *("count(*)", "sum(1 - metered)"),
        "sum(case when confidence = 'derived' then 1 else 0 end)",
        *(f"sum({name})" for name in _TOKENS),
    ]
    op.execute(
        f"insert into usage_quarter (quarter, caller_id, context, priced, {', '.join(_COUNTS)},"
        f" price) select {_QUARTER}, caller_id, {_CONTEXT},"
        f" case when price is null then 0 else 1 end, {', '.join(counted)},"
        " coalesce(sum(price), 0) from usage_call group by 1, 2, 3, 4"
    )
