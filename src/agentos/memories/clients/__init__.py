"""What clients wrote down themselves, read from their own files. One module for each client."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from agentos.memories.clients import claude, codex, cursor
from agentos.memories.clients.entry import Entry, Reader

#: Characters; a longer one is no memory, and is left out.
LONGEST = 50_000
_READERS = (codex.read, claude.read, cursor.read)


def written_by_clients(
    env: Mapping[str, str] = os.environ, projects: Iterable[Path] = ()
) -> tuple[tuple[Entry, ...], tuple[str, ...]]:
    """Return what clients of this user wrote down.

    Args:
        env: `HOME`, and the variables that move clients' directories, such as `CODEX_HOME`.
        projects: Directories of projects, which have files of Cursor's.

    Returns:
        The entries, by client and place; and what could not be read, a sentence each.
    """
    reader = Reader(env, tuple(projects))
    entries = [entry for read in _READERS for entry in read(reader)]
    found = [entry for entry in entries if entry.text.strip()]
    for entry in found:
        if entry.proposed and len(entry.text) > LONGEST:
            where = f"{entry.path}:{entry.line}"
            reader.unreadable.append(f"{where} is too long to be a memory: {len(entry.text):,}")
    found = [entry for entry in found if not entry.proposed or len(entry.text) <= LONGEST]
    found.sort(key=lambda each: (each.client, str(each.path), each.line))
    return tuple(found), tuple(reader.unreadable)
