"""The inbox of memories: what waits, looking for more, and deciding."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from agentos.errors import AgentOsError, ConfigInvalid
from agentos.hub.errors import Refused
from agentos.hub.hub import Hub
from agentos.hub.rest.memories.answers import (
    CandidateInfo,
    CandidateList,
    MemoryChange,
    MemoryMade,
    MemoryRejection,
    PullInfo,
    version_of,
)
from agentos.hub.rest.memories.reading import Owner, Seen, exists_already
from agentos.hub.rest.memories.shelf import inbox_of, projects_of, require_version
from agentos.hub.tagged import tagged
from agentos.memories.candidate import Candidate
from agentos.memories.clients import written_by_clients
from agentos.memories.memory import Memory
from agentos.memories.reading import full_name, load_memories
from agentos.memories.side_by_side import unified

Id = Annotated[str, Path(pattern=r"^[0-9a-f]{12}$")]
_STATUS = {"candidate_closed": 409, "candidate_unknown": 404}


def router(hub: Hub) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/api/v1/memories/inbox", tags=["memories"])

    @router.get("", response_model=CandidateList)
    async def list_candidates(
        request: Request,
        owner: Owner,
        after: Annotated[str | None, Query(max_length=12)] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
    ) -> Response:
        """List what waits for review, the oldest first."""
        waiting = await asyncio.to_thread(inbox_of(hub).open)
        begin = next((at + 1 for at, one in enumerate(waiting) if one.id == after), 0)
        some = waiting[begin : begin + limit]
        more = begin + limit < len(waiting)
        infos = await asyncio.to_thread(_infos, hub, some)
        return tagged(request, CandidateList(candidates=infos, next=some[-1].id if more else None))

    @router.post("/pull")
    async def pull(owner: Owner) -> PullInfo:
        """Look for what clients wrote since."""
        hub.require_home()
        return await asyncio.to_thread(_pull, hub)

    @router.post("/{id}/accept")
    async def accept(
        owner: Owner, id: Id, change: MemoryChange, if_match: Seen = None
    ) -> MemoryMade:
        """Make it a memory of the home.

        409 if it was changed since it was read, it was decided on, or there is one of this name:
        nothing happens then.
        """
        hub.require_home()
        return await asyncio.to_thread(_accept, hub, id, change, if_match)

    @router.post("/{id}/reject")
    async def reject(owner: Owner, id: Id, rejection: MemoryRejection) -> CandidateInfo:
        """Leave it out; it does not come back."""
        with _decided_once():
            closed = await asyncio.to_thread(inbox_of(hub).reject, id, rejection.reason)
        return CandidateInfo.of(closed)

    return router


def _pull(hub: Hub) -> PullInfo:
    entries, unreadable = written_by_clients(projects=projects_of(hub).values())
    pulled = inbox_of(hub).pull(entries)
    return PullInfo(
        new=len(pulled.new),
        merged=pulled.merged,
        known=pulled.known,
        left_out=pulled.left_out,
        unreadable=list(unreadable),
    )


def _accept(hub: Hub, id: str, change: MemoryChange, seen: str | None) -> MemoryMade:
    inbox = inbox_of(hub)
    with _decided_once():
        require_version(seen, version_of(inbox.find(id)))
        try:
            path = inbox.accept(id, change.changes(), despite_findings=change.despite_findings)
        except ConfigInvalid as error:
            raise exists_already(error) from error
    return MemoryMade(name=path.stem, path=str(path))


def _infos(hub: Hub, some: Sequence[Candidate]) -> list[CandidateInfo]:
    if not any(one.like for one in some):
        return [CandidateInfo.of(one) for one in some]
    memories = {full_name(memory): memory for memory in load_memories(hub.home)}
    return [CandidateInfo.of(one, _like_diff(memories.get(one.like or ""), one)) for one in some]


def _like_diff(memory: Memory | None, candidate: Candidate) -> str | None:
    """Return how a candidate differs from the memory that it may be to correct."""
    if memory is None:
        return None
    return unified(memory.text, candidate.text, full_name(memory), candidate.id)


@contextmanager
def _decided_once() -> Iterator[None]:
    """Tell whoever comes second that it was decided."""
    try:
        yield
    except AgentOsError as error:
        if error.code not in _STATUS:
            raise
        raise Refused(_STATUS[error.code], error.code, error.message, hint=error.hint) from error
