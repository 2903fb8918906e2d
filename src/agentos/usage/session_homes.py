"""What sessions in machines left behind: their agents' files, kept with the transcripts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from agentos.config import data_dir
from agentos.usage.call import Source
from agentos.usage.homes import UsageHome

if TYPE_CHECKING:
    from agentos.store import Store

#: Where in a machine's home, and on the way to it, clients keep their records.
_PLACES = {
    ".codex": Source.CODEX,
    ".claude": Source.CLAUDE,
    ".gemini": Source.GEMINI,
    "opencode": Source.OPENCODE,
}
_DEEPEST = 6


async def session_homes(store: Store) -> list[UsageHome]:
    """Return the homes that sessions left, with whose they are."""
    import asyncio

    from sqlalchemy import select

    from agentos.store.tables import SESSIONS

    async with store.reading() as connection:
        query = select(SESSIONS.c.id, SESSIONS.c.agent, SESSIONS.c.settings)
        rows = list(await connection.execute(query))
    return await asyncio.to_thread(homes_left, [(row.id, row.agent, row.settings) for row in rows])


def homes_left(sessions: Iterable[tuple[str, str, str]]) -> list[UsageHome]:
    """Return the homes that some sessions left.

    Args:
        sessions: Of each its id, its agent and its settings, JSON.
    """
    booked = {id: (agent, json.loads(said).get("profile") or "") for id, agent, said in sessions}
    found = []
    place = data_dir() / "sessions"
    left = {path.name for path in place.iterdir()} if place.is_dir() else set()
    for session in sorted(left & booked.keys()):
        agent, profile = booked[session]
        for source, path in _homes_below(place / session, _DEEPEST):
            found.append(UsageHome(source, path, session, profile, agent))
    return found


def _homes_below(directory: Path, deepest: int) -> Iterator[tuple[Source, Path]]:
    try:
        inside = sorted(directory.iterdir())
    except FileNotFoundError:
        return  # the session has just been removed
    for path in inside:
        if path.is_symlink() or not path.is_dir():
            continue
        if source := _PLACES.get(path.name):
            yield source, path
        elif deepest:
            yield from _homes_below(path, deepest - 1)
