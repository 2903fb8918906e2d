"""Tables as keys with single values, which is how sync owns them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from agentos.sync.client import Places
from agentos.sync.clients.paths import started_from
from agentos.sync.desired import KeyPath, Value
from agentos.sync.source import HubEntry

#: What the hub is called in each client's list of MCP servers.
SERVER = "agentOS-portfolio"
#: The variable with the hub's token, where a client asks over HTTP.
TOKEN = "AGENTOS_TOKEN"


def flat(table: Mapping[str, object], at: KeyPath = ()) -> dict[KeyPath, Value]:
    """Return the single values of a table, each under its whole path; lists are single values."""
    found: dict[KeyPath, Value] = {}
    for name, value in table.items():
        path = (*at, name)
        if isinstance(value, Mapping) and value:
            found |= flat(value, path)
        else:
            found[path] = cast("Value", value)
    return found


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Lay a table over another, table by table."""
    result = dict(base)
    for name, value in over.items():
        below = result.get(name)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            value = merged(below, value)
        result[name] = value
    return result


def bridge(hub: HubEntry, places: Places) -> tuple[str, list[str], Mapping[str, str]]:
    """Return the program, arguments and variables with which a client starts the bridge."""
    command = started_from(places.directory, hub.command, hub.distribution)
    through_windows = command[0] != hub.command[0]
    if through_windows and hub.env:
        # Windows hands its own environment on, not what a client adds to it.
        words = [f"{name}={value}" for name, value in hub.env.items()]
        at = command.index("--") + 1
        command = (*command[:at], "env", *words, *command[at:])
    return command[0], list(command[1:]), {} if through_windows else hub.env
