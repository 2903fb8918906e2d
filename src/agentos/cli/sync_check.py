"""`agentos sync check`, which prompts and hooks ask all the time: without the parser."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

from agentos.config import home_dir, state_dir
from agentos.errors import AgentOsError, ConfigInvalid
from agentos.sync.last_check import Environment, Finding, LastCheck

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
    last = LastCheck(state_dir() / "sync" / "check" / "last.json")
    finding = last.recall(client) or _find(client, last, as_json=as_json)
    if finding is None:
        return 2
    said = json.dumps(finding.report, indent=2) if as_json else finding.text
    sys.stdout.write(said.encode(errors="backslashreplace").decode() + "\n")
    return finding.code


def _find(client: str | None, last: LastCheck, *, as_json: bool) -> Finding | None:
    """Look for drift, and remember what was found; None if that cannot be told."""
    from agentos.cli import sync_report
    from agentos.sync.looked_at import NotedFiles, code, programs, sources

    began = time.time_ns()
    environment, files, sync = Environment(os.environ), NotedFiles(), current_sync()
    try:
        found = deployed(client, environment)
        plan = replace(sync, files=files).plan([each.desired for each in found])
    except (AgentOsError, OSError) as error:
        sync_report.show_error(error, as_json=as_json)
        return None
    finding = Finding(int(not plan.in_sync), sync_report.drift(plan), sync_report.as_dict(plan))
    names = [each.client.program for each in found if each.client.program]
    searched = programs(names, environment.get("PATH", ""))
    looked_at = sources(home_dir(), state_dir(), sync.store)
    paths = chain(looked_at, files.paths, searched, code())
    last.remember(finding, client, environment, paths, began)
    return finding


def current_sync() -> Sync:
    """Return the sync of this computer."""
    return _here().sync


def deployed(client: str | None, env: Mapping[str, str] = os.environ) -> list[Deployment]:
    """Work out what clients are to have, as `--client` names them."""
    return _here(env).deployed(None if client is None else client_names(client))


def client_names(said: str) -> list[str]:
    """Read the names that `--client` was given.

    Raises:
        ConfigInvalid: There are none.
    """
    names = [name.strip() for name in said.split(",") if name.strip()]
    if not names:
        hint = "--client takes names with commas between them, such as codex,claude"
        raise ConfigInvalid("--client names no client", hint=hint)
    return names


def _here(env: Mapping[str, str] = os.environ) -> Workstation:
    from agentos.sync.workstation import Workstation

    return Workstation(home_dir(), state_dir(), env)
