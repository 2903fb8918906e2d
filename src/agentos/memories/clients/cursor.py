"""What Cursor has: rules of the user and of projects, and what its settings call user rules."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agentos.errors import ConfigInvalid
from agentos.home.front_matter import read_head
from agentos.memories.clients.entry import Entry, Page, Reader

CLIENT = "cursor"
_DATABASES = (
    ".config/Cursor/User/globalStorage/state.vscdb",
    "Library/Application Support/Cursor/User/globalStorage/state.vscdb",
)
_USER_RULES = "aicontext.personalContext"


def read(reader: Reader) -> Iterator[Entry]:
    """Yield what Cursor has."""
    for page in reader.pages(reader.home / ".cursor/rules", "**/*.mdc"):
        yield _rule(page, None)
    for project in reader.projects:
        for page in reader.pages(project / ".cursor/rules", "**/*.mdc"):
            yield _rule(page, str(project))
    for place in _DATABASES:
        yield from _user_rules(reader, reader.home / place)


def _rule(page: Page, project: str | None) -> Entry:
    title, text = page.path.stem, page.text
    try:
        head = read_head(str(page.path), page.text)
        title, text = str(head.values.get("description") or title), head.body
    except ConfigInvalid:
        pass  # `globs: *.ts` is no YAML, and still a rule
    return Entry(CLIENT, "rule", title, text.strip(), page.path, 1, None, project, page.changed)


def _user_rules(reader: Reader, path: Path) -> Iterator[Entry]:
    """Read the rules that the user typed into Cursor's settings."""
    if not path.is_file():
        return
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as database:
            query = "select value from ItemTable where key = ?"
            row = database.execute(query, (_USER_RULES,)).fetchone()
    except sqlite3.Error as error:
        reader.unreadable.append(f"{path} cannot be read: {error}")
        return
    if row:
        changed = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        yield Entry(CLIENT, "instructions", "User rules", _text(row[0]), path, written=changed)


def _text(value: Any) -> str:
    said = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
    try:
        plain = json.loads(said)
    except ValueError:
        return said.strip()
    return plain.strip() if isinstance(plain, str) else said.strip()
