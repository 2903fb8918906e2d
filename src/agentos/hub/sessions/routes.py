"""The routes of sessions: begin, steer and end them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from agentos.hub.auth.needs import needs
from agentos.hub.gone import unless_gone
from agentos.hub.scopes import Principal, Scope
from agentos.hub.sessions.models import (
    Answer,
    NewPrompt,
    NewSession,
    Queued,
    Renewal,
    SessionId,
    SessionList,
    SessionState,
)
from agentos.hub.sessions.owner import SessionOwner
from agentos.hub.tagged import tagged

router = APIRouter(prefix="/api/v1/sessions", tags=["sessions"])
Owner = Annotated[Principal, needs(Scope.ALL)]


def owner_of(request: Request) -> SessionOwner:
    """Return the one who holds the hub's sessions."""
    owner: SessionOwner = request.app.state.sessions
    return owner


Sessions = Annotated[SessionOwner, Depends(owner_of)]


@router.get("", response_model=SessionList)
async def sessions(
    request: Request,
    principal: Owner,
    owned: Sessions,
    after: Annotated[str | None, Query(max_length=200, description="As `next` says.")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    live: bool | None = None,
) -> Response:
    """List sessions: all that live come on the first page, then those of the store."""
    return tagged(request, await owned.page(after, limit, live))


@router.post("", status_code=201)
async def begin_session(
    request: Request, principal: Owner, owned: Sessions, wanted: NewSession
) -> SessionState:
    """Begin a session, or go on with one; the answer comes when its agent is ready.

    A client that does not wait for the answer gets no session.
    """
    return (await unless_gone(request, owned.begin(wanted))).state()


@router.get("/{id}", response_model=SessionState)
async def session(request: Request, principal: Owner, owned: Sessions, id: SessionId) -> Response:
    """Tell how a session is."""
    return tagged(request, await owned.state(id))


@router.delete("/{id}")
async def end_session(principal: Owner, owned: Sessions, id: SessionId) -> SessionState:
    """End a session with its machine; the transcript stays."""
    return await owned.end(id)


@router.post("/{id}/prompts", status_code=202)
async def prompt(principal: Owner, owned: Sessions, id: SessionId, said: NewPrompt) -> Queued:
    """Send a prompt; it waits while another one is at work."""
    live = await owned.require(id)
    turn = live.prompt(said.text, said.idempotency_key)
    return Queued(queued=live.state().queued, turn=turn)


@router.post("/{id}/cancel")
async def cancel(principal: Owner, owned: Sessions, id: SessionId) -> SessionState:
    """Cancel the turn that runs; the answer comes when it has ended."""
    live = await owned.require(id)
    await live.session.cancel()
    return live.state()


@router.post("/{id}/permissions/{permission}")
async def answer(
    principal: Owner, owned: Sessions, id: SessionId, permission: str, answer: Answer
) -> SessionState:
    """Answer what the agent asks; who answers first decides."""
    live = await owned.require(id)
    live.respond(permission, answer.option)
    return live.state()


@router.post("/{id}/fork", status_code=201)
async def fork(request: Request, principal: Owner, owned: Sessions, id: SessionId) -> SessionState:
    """Branch a session together with its machine; a turn that runs is waited for."""
    return (await unless_gone(request, owned.fork(id))).state()


@router.post("/{id}/resume")
async def resume(
    request: Request,
    principal: Owner,
    owned: Sessions,
    id: SessionId,
    renewed: Renewal | None = None,
) -> SessionState:
    """Go on with a session as it was made, in a fresh machine."""
    return (await unless_gone(request, owned.resume(id, renewed or Renewal()))).state()
