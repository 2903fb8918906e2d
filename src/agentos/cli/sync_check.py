"""`agentos sync check`, which prompts and hooks ask all the time: without the parser."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from agentos.errors import AgentOsError

if TYPE_CHECKING:
    from agentos.sync.deployment import Deployment
    from agentos.sync.run import Sync
    from agentos.sync.workstation import Workstation


def run_check(client: str | None, *, as_json: bool) -> int:
    """Tell whether the clients' files are in step.

    Args:
        client: Only these, with commas between them; by default those of `agentos.toml`.
        as_json: Whether it is told as one JSON object.

    Returns:
        The exit code: 0 in step, 1 not, 2 unknown.
    """
    from agentos.cli import sync_report

    try:
        plan = current_sync().plan([each.desired for each in deployed(client)])
    except (AgentOsError, OSError) as error:
        sync_report.show_error(error, as_json=as_json)
        return 2
    if as_json:
        sync_report.say(json.dumps(sync_report.as_dict(plan), indent=2))
    else:
        sync_report.show_drift(plan)
    return 0 if plan.in_sync else 1


def current_sync() -> Sync:
    """Return the sync of this computer."""
    return _here().sync


def deployed(client: str | None) -> list[Deployment]:
    """Work out what clients are to have, as `--client` names them."""
    return _here().deployed([name.strip() for name in client.split(",")] if client else None)


def _here() -> Workstation:
    from agentos.sync.workstation import Workstation

    return Workstation.current()
