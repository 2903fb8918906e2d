"""How sessions of the hub begin: in a machine of their own, or as a branch of another."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from agentos.hub.machines.models import NewMachine
from agentos.hub.machines.owned import WORKSPACE, OwnedMachine, end_terminals, made
from agentos.hub.sessions.models import NewSession
from agentos.hub.sessions.secret import revealed
from agentos.sessions import Session

if TYPE_CHECKING:
    from agentos.machine.machine import AgentOs
    from agentos.sessions.settings import ResumeSettings


@dataclass(frozen=True)
class Opened:
    """A session and its machine."""

    session: Session
    machine: OwnedMachine


@asynccontextmanager
async def opened(wanted: NewSession, id: str) -> AsyncIterator[Opened]:
    """Begin a session, or go on with one, in a machine that ends with it.

    Args:
        wanted: What was asked for.
        id: The session's.

    Raises:
        AgentOsError: It cannot begin.
    """
    async with made(wanted, id) as machine:
        settings = _settings(wanted)
        if wanted.resume is not None:
            session = await machine.vm.resume_session(id, **settings)
        else:
            session = await machine.vm.create_session(
                wanted.agent,
                cwd=WORKSPACE,
                instructions=wanted.instructions,
                id=id,
                notes=notes_of(wanted),
                **settings,
            )
        async with session:
            yield Opened(session, machine)


@asynccontextmanager
async def forked(parent: Opened) -> AsyncIterator[Opened]:
    """Branch a session together with its machine.

    Raises:
        AgentOsError: It cannot be branched.
    """
    session = await parent.session.fork()
    async with session, AsyncExitStack() as ending:
        vm = cast("AgentOs", session.machine)
        of = parent.machine
        machine = OwnedMachine(vm.name, vm, of.made_of, of.copy.branched(vm), session.id)
        ending.push_async_callback(end_terminals, machine)
        yield Opened(session, machine)


def notes_of(wanted: NewSession) -> dict[str, Any]:
    """Return what is kept of a request so that the session can go on: nothing secret."""
    machine = NewMachine.model_validate(wanted.model_dump(include=set(NewMachine.model_fields)))
    kept = machine.model_dump(mode="json", exclude_defaults=True)
    return {**kept, "permission": wanted.permission}


def _settings(wanted: NewSession) -> ResumeSettings:
    from agentos.models.budgets import Budget

    budget = wanted.budget
    settings: ResumeSettings = {
        "env": revealed(wanted.env),
        "model": wanted.model,
        "skills": [Path(place) for place in wanted.skills],
        "instructions_file": _path(wanted.instructions_file),
        "memories": [Path(place) for place in wanted.memories],
        "profile": wanted.profile,
        "profile_file": _path(wanted.profile_file),
        "permission": wanted.permission,
        "budget": Budget(money=budget.money, tokens=budget.tokens) if budget else None,
    }
    return settings


def _path(place: str | None) -> Path | None:
    return None if place is None else Path(place)
