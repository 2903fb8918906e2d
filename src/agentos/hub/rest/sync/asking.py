"""What the routes of sync have in common."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Annotated, Literal, TypeVar

from agentos.errors import SyncError
from agentos.hub.auth.needs import needs
from agentos.hub.errors import Refused
from agentos.hub.scopes import Principal, Scope
from agentos.sync.deployment import Deployment
from agentos.sync.plan import Plan
from agentos.sync.workstation import Workstation

Owner = Annotated[Principal, needs(Scope.ALL)]
Verb = Literal["push", "clean"]
#: Of a sync that comes at the wrong time: the same one may do later.
_MOVED = frozenset({"locked", "changed_meanwhile", "no_backup"})
_Found = TypeVar("_Found")


async def aside(work: Callable[[], _Found]) -> _Found:
    """Work beside the event loop: files are read, parsed and written."""
    try:
        return await asyncio.to_thread(work)
    except SyncError as error:
        if error.code not in _MOVED:
            raise
        raise Refused(409, error.code, error.message, hint=error.hint) from error


def plan_of(here: Workstation, verb: Verb, deployed: Sequence[Deployment]) -> Plan:
    """Work out what a push or clean of some clients would do."""
    desired = [each.desired for each in deployed]
    return here.sync.plan_clean(desired) if verb == "clean" else here.sync.plan(desired)
