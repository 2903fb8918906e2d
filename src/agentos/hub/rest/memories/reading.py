"""Memories of every client: all of them, one, how two differ, and bringing one into the home."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Header, Path, Query, Request, Response

from agentos.errors import ConfigInvalid
from agentos.hub.auth.needs import needs
from agentos.hub.errors import Refused
from agentos.hub.hub import Hub
from agentos.hub.rest.memories.answers import (
    MemoryChange,
    MemoryDifference,
    MemoryInfo,
    MemoryList,
    MemoryMade,
    MemoryText,
)
from agentos.hub.rest.memories.shelf import Shelf, inbox_of, require_version, shelf
from agentos.hub.scopes import Principal, Scope
from agentos.hub.tagged import tagged
from agentos.memories.memory import Memory
from agentos.memories.search import passages
from agentos.memories.side_by_side import Copy, difference
from agentos.memories.writing import promote_memory

#: Of a search, so many are shown.
MOST_FOUND = 500
Owner = Annotated[Principal, needs(Scope.ALL)]
Key = Annotated[str, Path(pattern=r"^[0-9a-f]{16}$")]
Word = Annotated[str | None, Query(max_length=200)]
Seen = Annotated[str | None, Header(alias="If-Match", description="The `version` that was read.")]


def router(hub: Hub) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/api/v1/memories", tags=["memories"])

    @router.get("", response_model=MemoryList)
    async def list_memories(
        request: Request,
        owner: Owner,
        q: Annotated[str, Query(max_length=400, description='Words and "phrases".')] = "",
        client: Word = None,
        project: Annotated[
            str | None, Query(max_length=200, description="Empty for what holds everywhere.")
        ] = None,
        after: Annotated[str | None, Query(max_length=16)] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
    ) -> Response:
        """List the memories of every client, the home's first; or what is found, best first."""
        there = await asyncio.to_thread(shelf, hub)
        chosen = [
            copy
            for copy in there.copies
            if client in (None, copy.client) and project in (None, copy.project or copy.about or "")
        ]
        found = await asyncio.to_thread(_search, q, chosen) if q.strip() else None
        if found is not None:
            chosen = [there.find(key) for key in found]
        same = await asyncio.to_thread(lambda: there.same)
        begin = next((at + 1 for at, copy in enumerate(chosen) if copy.key == after), 0)
        some = chosen[begin : begin + limit]
        more = begin + limit < len(chosen)
        answer = MemoryList(
            memories=[
                MemoryInfo.of(one, same[one.key], (found or {}).get(one.key)) for one in some
            ],
            next=some[-1].key if more else None,
            clients=_counts(there),
            projects=sorted({copy.project or copy.about or "" for copy in there.copies} - {""}),
            active_project=hub.projects.choice().project,
            unreadable=list(there.unreadable),
        )
        return tagged(request, answer)

    @router.get("/{key}", response_model=MemoryText)
    async def read_memory(request: Request, owner: Owner, key: Key) -> Response:
        """Read a memory, and learn where it has copies."""
        there = await asyncio.to_thread(shelf, hub)
        copy = there.find(key)
        same = (await asyncio.to_thread(lambda: there.same))[key]
        answer = MemoryText(
            memory=MemoryInfo.of(copy, same),
            text=copy.text,
            copies=[MemoryInfo.of(there.find(other)) for other in same],
        )
        return tagged(request, answer)

    @router.get("/{key}/difference", response_model=MemoryDifference)
    async def compare_memories(
        request: Request,
        owner: Owner,
        key: Key,
        to: Annotated[str, Query(pattern=r"^[0-9a-f]{16}$")],
    ) -> Response:
        """Tell how one differs from another."""
        there = await asyncio.to_thread(shelf, hub)
        diff = await asyncio.to_thread(difference, there.find(key), there.find(to))
        return tagged(request, MemoryDifference(diff=diff))

    @router.post("/{key}/promote")
    async def promote(
        owner: Owner, key: Key, change: MemoryChange, if_match: Seen = None
    ) -> MemoryMade:
        """Make what a client wrote a memory of the home, or let a project's hold everywhere.

        409 if it was changed since it was read, or there is one of this name: nothing happens then.
        """
        hub.require_home()
        there = await asyncio.to_thread(shelf, hub)
        copy = there.find(key)
        require_version(if_match, copy.version)
        return await asyncio.to_thread(_promote, hub, copy, change)

    return router


def _search(query: str, copies: list[Copy]) -> dict[str, str]:
    """Return the best passage of each that has what is searched for."""
    texts = [(copy.key, copy.title, copy.text) for copy in copies]
    found: dict[str, str] = {}
    for passage in passages(query, texts, limit=MOST_FOUND):
        found.setdefault(passage.name, passage.text.strip())
    return found


def _counts(there: Shelf) -> dict[str, int]:
    counts: dict[str, int] = {}
    for copy in there.copies:
        counts[copy.client] = counts.get(copy.client, 0) + 1
    return counts


def _promote(hub: Hub, copy: Copy, change: MemoryChange) -> MemoryMade:
    changes = change.changes()
    try:
        if isinstance(copy.source, Memory):
            path = promote_memory(hub.home, copy.source)
        else:
            despite = change.despite_findings
            path = inbox_of(hub).promote(copy.source, changes, despite_findings=despite)
    except ConfigInvalid as error:
        raise exists_already(error) from error
    return MemoryMade(name=path.stem, path=str(path))


def exists_already(error: ConfigInvalid) -> ConfigInvalid | Refused:
    """Return what tells that somebody was first, if that is what is wrong."""
    if error.code != "memory_exists":
        return error
    return Refused(409, error.code, error.message, hint=error.hint)
