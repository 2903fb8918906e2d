"""Bring a database to the schema that this version knows.

Alembic is imported only when there is something to do: it costs 0.1 s.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text

from agentos.errors import StoreError
from agentos.store.migrations import HEAD

if TYPE_CHECKING:
    from alembic.config import Config

_MIGRATIONS = Path(__file__).parent / "migrations"
#: An arbitrary number that stands for "somebody upgrades".
_LOCK = 0x41474F53


def upgrade(connection: Connection) -> None:
    """Run the migrations that are missing, in the transaction of the connection.

    Raises:
        StoreError: A newer version of AgentOS made this database; nothing was changed.
    """
    if _version(connection) == HEAD:
        return
    if connection.dialect.name == "postgresql":
        connection.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    from alembic import command
    from alembic.script.revision import ResolutionError
    from alembic.util import CommandError

    config = configuration(connection)
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        if not isinstance(error.__cause__, ResolutionError):
            raise
        raise StoreError(
            f"a newer AgentOS made this store (its schema is {_version(connection)})",
            code="store_newer",
            hint="pip install --upgrade agentos-vm, or set AGENTOS_STORE_URL to another place",
        ) from error


def configuration(connection: Connection | None = None) -> Config:
    """Return Alembic's configuration of our migrations."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.scalar(text("select version_num from alembic_version"))
    return found
