"""The store in SQLite's own way, where the libraries that all else uses would take too long."""

from __future__ import annotations

import os
import sqlite3

from agentos.config import data_dir


def open_plain() -> sqlite3.Connection | None:
    """Open the store to read; None if it is not there, has no ledger yet, or is of another kind."""
    url = os.environ.get("AGENTOS_STORE_URL") or f"sqlite:///{data_dir() / 'agentos.db'}"
    path = url.removeprefix("sqlite:///")
    if path == url or not os.path.exists(path):
        return None
    quoted = path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    database = sqlite3.connect(f"file:{quoted}?mode=ro", uri=True, timeout=0.02)
    known = database.execute("select 1 from sqlite_master where name = 'usage_caller'")
    if known.fetchone() is None:
        database.close()
        return None
    return database
