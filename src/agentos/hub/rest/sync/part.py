"""Sync over REST, for its owner: look at what would be done, then do exactly that.

Whoever looked shows the digest of what they saw; if the world has moved since, nothing is done and
the answer is 409.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal, TypeVar

from fastapi import APIRouter, Depends, FastAPI, Query, Request, Response

from agentos.hub.hub import Hub
from agentos.hub.rest.sync import answers
from agentos.hub.rest.sync.answers import shown
from agentos.hub.rest.sync.asking import Owner, Verb, aside, plan_of
from agentos.hub.rest.sync.doing import add_verbs
from agentos.hub.rest.sync.planned import planned_files, yielded_things
from agentos.hub.tagged import tagged
from agentos.sync.merge import Side
from agentos.sync.plan import Plan
from agentos.sync.plan_digest import plan_digest, pull_digest, undo_digest
from agentos.sync.pull import Pulled, read_clients
from agentos.sync.standing import Standings
from agentos.sync.workstation import Workstation

Names = Annotated[
    list[str] | None,
    Query(alias="client", max_length=20, description="By default those of agentos.toml."),
]
After = Annotated[str | None, Query(max_length=5000, description="The `next` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=200)]
_Item = TypeVar("_Item")


def add(app: FastAPI, hub: Hub) -> None:
    """Add the routes."""
    here = Workstation(hub.home, hub.state, os.environ)
    at_home = [Depends(hub.require_home)]
    looking = APIRouter(prefix="/api/v1/sync", tags=["sync"])
    doing = APIRouter(prefix="/api/v1/sync", tags=["sync"], dependencies=at_home)
    _add_status(looking, here)
    _add_plans(doing, here)
    add_verbs(doing, here)
    app.include_router(looking)
    app.include_router(doing)


def _add_status(router: APIRouter, here: Workstation) -> None:
    standings = Standings(here)

    @router.get("/status", response_model=answers.SyncStatus)
    async def sync_status(request: Request, owner: Owner) -> Response:
        """Tell how each client stands; cheap while nothing changes."""
        if not here.home.is_dir():
            return tagged(request, answers.SyncStatus(home_found=False, clients=[]))
        found = [answers.ClientStanding.of(each) for each in await aside(standings.now)]
        return tagged(request, answers.SyncStatus(home_found=True, clients=found))

    @router.get("/history", response_model=answers.BackupList)
    async def sync_history(
        request: Request,
        owner: Owner,
        after: Annotated[int | None, Query(description="The `next` of the page before.")] = None,
        limit: Limit = 20,
    ) -> Response:
        """List the backups, the newest first; an undo takes the first of them."""

        def read() -> list[answers.BackupInfo]:
            heads = here.sync.store.heads(here.sync.state)
            return [answers.BackupInfo.of(head) for head in heads]

        found = [each for each in await aside(read) if after is None or each.number < after]
        some, more = found[:limit], len(found) > limit
        page = answers.BackupList(backups=some, next=some[-1].number if more else None)
        return tagged(request, page)


def _add_plans(router: APIRouter, here: Workstation) -> None:
    @router.get("/plan", response_model=answers.SyncPlan)
    async def sync_plan(
        request: Request,
        owner: Owner,
        clients: Names = None,
        verb: Verb = "push",
        after: After = None,
        limit: Limit = 50,
    ) -> Response:
        """Tell what a push, or a clean, would do to each file; nothing is changed."""

        def read() -> answers.SyncPlan:
            deployed = here.deployed(clients)
            plan, state = plan_of(here, verb, deployed), here.sync.state
            files = planned_files(plan, deployed, here.sync.files)
            names = [each.client.name for each in deployed]
            some, following = _page(files, after, limit)
            records = [(name, *each) for name in names for each in state.of(name).items()]
            return answers.SyncPlan(
                verb=verb,
                digest=plan_digest(verb, plan),
                clients=names,
                in_sync=plan.in_sync,
                counts=_counts(plan),
                warnings=[answers.printable(each) for each in plan.warnings],
                yielded=yielded_things(records),
                files=some,
                next=following,
            )

        return tagged(request, await aside(read))

    @router.get("/pull", response_model=answers.PullPlan)
    async def pull_plan(
        request: Request,
        owner: Owner,
        clients: Names = None,
        after: After = None,
        limit: Limit = 100,
    ) -> Response:
        """Tell what a pull would bring into the AgentOS home; nothing is changed."""

        def read() -> answers.PullPlan:
            pulled = read_clients(here.deployed(clients), here.sync, here.home)
            found = [(f"{each.client} {each.path}", each) for each in _pulled_files(pulled)]
            some, following = _page(found, after, limit)
            folders = {each.client: shown(each.folder) for each in pulled}
            digest = pull_digest(pulled)
            return answers.PullPlan(digest=digest, folders=folders, files=some, next=following)

        return tagged(request, await aside(read))

    @router.get("/undo", response_model=answers.UndoPlan)
    async def undo_plan(
        request: Request,
        owner: Owner,
        side: Side | None = None,
        after: After = None,
        limit: Limit = 50,
    ) -> Response:
        """Tell what an undo would bring back; nothing is changed."""

        def read() -> answers.UndoPlan:
            undo = here.sync.plan_undo(side)
            edits = {edit.path: edit for edit in undo.plan.edits}
            found = [
                (
                    shown(path),
                    answers.RestoredFile(
                        **answers.FileDiff.fields(path, edits.get(path)),
                        changed_since=path in undo.changed,
                    ),
                )
                for path in sorted(undo.backup.files)
            ]
            some, following = _page(found, after, limit)
            return answers.UndoPlan(
                digest=undo_digest(undo),
                backup=undo.backup.number,
                at=datetime.fromisoformat(undo.backup.at),
                files=some,
                next=following,
            )

        return tagged(request, await aside(read))


def _counts(plan: Plan) -> dict[str, int]:
    counts = dict.fromkeys(("add", "change", "remove", "keep"), 0)
    for change in plan.changes:
        counts[change.action] += 1
    return {**counts, "conflict": len(plan.conflicts), "files": len(plan.edits)}


def _pulled_files(pulled: Sequence[Pulled]) -> list[answers.PulledFile]:
    found = []
    for each in pulled:
        for place, content in sorted(each.files.items()):
            try:
                there = (each.folder / place).read_bytes()
            except OSError:
                there = None
            state: Literal["new", "changed", "same"] = "new" if there is None else "changed"
            found.append(
                answers.PulledFile(
                    client=each.client,
                    path=answers.printable(str(place)),
                    size=len(content),
                    state="same" if there == content else state,
                )
            )
    return found


def _page(
    found: Sequence[tuple[str, _Item]], after: str | None, limit: int
) -> tuple[list[_Item], str | None]:
    """Return the items after one, and the last one's name if there are more."""
    names = [name for name, _ in found]
    begin = names.index(after) + 1 if after in names else 0
    some = found[begin : begin + limit]
    more = begin + limit < len(found)
    return [item for _, item in some], some[-1][0] if more else None
