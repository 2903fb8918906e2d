"""What the gateways of machines decided about the network."""

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, Text

from agentos.store.tables.schema import METADATA, Moment

NETWORK_DECISIONS = Table(
    "network_decision",
    METADATA,
    Column("machine", String(32), primary_key=True),  # one machine, whatever its name
    Column("number", BigInteger, primary_key=True),  # counted from 1 in each machine
    Column("machine_name", String(64), nullable=False),
    Column("at", Moment, nullable=False),
    Column("ended", Moment),
    Column("verdict", String(10), nullable=False),
    Column("name", String(255), nullable=False),
    Column("port", Integer),
    Column("address", String(255), nullable=False),
    Column("bytes_out", BigInteger, nullable=False),
    Column("bytes_in", BigInteger, nullable=False),
    Column("rule", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Index(None, "at"),
)
