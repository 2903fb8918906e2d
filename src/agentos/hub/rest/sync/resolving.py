"""Settle one thing and leave all others as they are: a conflict, or what the user took over."""

from __future__ import annotations

from agentos.errors import SyncError
from agentos.hub.rest.sync.answers import printable, shown
from agentos.sync.merge import Side
from agentos.sync.plan import Choices, Plan, thing
from agentos.sync.workstation import Workstation


def plan_one(here: Workstation, plan: Plan, client: str, file: str, name: str, side: Side) -> Plan:
    """Plan to settle one thing.

    Args:
        here: Whose files.
        plan: What a push would do.
        client, file, name: The thing, as `plan` and the state name it.
        side: Whose it becomes; `ours` brings back what the user had taken over.

    Raises:
        SyncError: There is nothing to choose about it.
    """
    for conflict in plan.conflicts:
        found = (conflict.client, shown(conflict.path), printable(conflict.name))
        if found == (client, file, name):
            return _only(here, client, Choices(sides={str(conflict): side}), str(conflict))
    for path, record in here.sync.state.of(client).items():
        for each in record.yielded if side == "ours" and shown(path) == file else ():
            if printable(each) == name:
                again = frozenset({each or str(path)})
                return _only(here, client, Choices(restore=again), thing(path, each))
    raise SyncError(
        f"{file}: there is nothing to choose about {name or 'the file'} for {client}",
        code="no_conflict",
        path=file,
        hint="look at the plan again",
    )


def _only(here: Workstation, client: str, choices: Choices, one: str) -> Plan:
    desired = [each.desired for each in here.deployed([client])]
    narrowed = Choices(choices.side, choices.sides, choices.restore, frozenset({one}))
    return here.sync.plan(desired, narrowed)
