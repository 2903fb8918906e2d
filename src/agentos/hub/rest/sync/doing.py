"""Sync over REST, done: only what its owner has looked at, and shows the digest of.

If the world has moved since, nothing is done and the answer is 409.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from agentos.hub.errors import Refused
from agentos.hub.rest.sync.answers import SyncApplied, shown
from agentos.hub.rest.sync.asking import Owner, Verb, aside, plan_of
from agentos.hub.rest.sync.resolving import plan_one
from agentos.sync.merge import Side
from agentos.sync.plan import Plan
from agentos.sync.plan_digest import plan_digest, pull_digest, undo_digest
from agentos.sync.pull import read_clients, replace_folder
from agentos.sync.workstation import Workstation


class Seen(BaseModel):
    """What its owner looked at."""

    model_config = ConfigDict(extra="forbid")

    digest: Annotated[str, Field(max_length=64)]
    clients: Annotated[list[str], Field(max_length=20)] | None = None


class Undoing(BaseModel):
    """An undo that was looked at; files that were changed since need a side."""

    model_config = ConfigDict(extra="forbid")

    digest: Annotated[str, Field(max_length=64)]
    side: Side | None = None


class Resolving(Seen):
    """A choice about one thing: a conflict, or what is yours and shall be AgentOS's again."""

    client: Annotated[str, Field(max_length=100)]
    file: Annotated[str, Field(max_length=5000)]
    key: Annotated[str, Field(max_length=5000)] = ""
    choice: Side


def add_verbs(router: APIRouter, here: Workstation) -> None:
    """Add the routes that change files."""

    @router.post("/push")
    async def push(owner: Owner, seen: Seen) -> SyncApplied:
        """Deploy the AgentOS home to the clients, as was looked at."""
        return await aside(lambda: _applied(here, "push", seen))

    @router.post("/clean")
    async def clean(owner: Owner, seen: Seen) -> SyncApplied:
        """Remove what is AgentOS's from the clients' files and deploy it anew."""
        return await aside(lambda: _applied(here, "clean", seen))

    @router.post("/resolve")
    async def resolve(owner: Owner, chosen: Resolving) -> SyncApplied:
        """Settle one thing: `ours` writes what AgentOS has, `theirs` leaves what stands there."""

        def do() -> SyncApplied:
            with here.sync.alone("push"):
                plan = plan_of(here, "push", here.deployed(chosen.clients))
                _check(plan_digest("push", plan), chosen.digest)
                one = plan_one(here, plan, chosen.client, chosen.file, chosen.key, chosen.choice)
                return _done(here.sync.apply(one), one)

        return await aside(do)

    @router.post("/pull")
    async def pull(owner: Owner, seen: Seen) -> SyncApplied:
        """Bring what the clients have into the AgentOS home, to look at."""

        def do() -> SyncApplied:
            with here.sync.alone("pull"):
                pulled = read_clients(here.deployed(seen.clients), here.sync, here.home)
                _check(pull_digest(pulled), seen.digest)
                for each in pulled:
                    replace_folder(each.folder, each.files)
            paths = [shown(each.folder / place) for each in pulled for place in each.files]
            return SyncApplied(backup=None, files=paths)

        return await aside(do)

    @router.post("/undo")
    async def undo(owner: Owner, undoing: Undoing) -> SyncApplied:
        """Bring back what the last push or clean changed, exactly."""

        def do() -> SyncApplied:
            with here.sync.alone("undo"):
                planned = here.sync.plan_undo(undoing.side)
                _check(undo_digest(planned), undoing.digest)
                paths = here.sync.undo(side=undoing.side, planned=planned)
            return SyncApplied(backup=None, files=[shown(path) for path in paths])

        return await aside(do)


def _applied(here: Workstation, verb: Verb, seen: Seen) -> SyncApplied:
    with here.sync.alone(verb):
        plan = plan_of(here, verb, here.deployed(seen.clients))
        _check(plan_digest(verb, plan), seen.digest)
        return _done(here.sync.apply(plan), plan)


def _done(number: int | None, plan: Plan) -> SyncApplied:
    return SyncApplied(backup=number, files=[shown(edit.path) for edit in plan.edits])


def _check(found: str, seen: str) -> None:
    if found != seen:
        raise Refused(
            409,
            "plan_changed",
            "what would be done is not what you looked at any more",
            hint="nothing was changed; look at it again",
        )
