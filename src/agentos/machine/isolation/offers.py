"""What machines of a kind do not offer, said before it is missed."""

from __future__ import annotations

from collections.abc import Mapping

from agentos.errors import IsolationUnavailable

#: What a machine without namespaces lacks: a setting or verb, and why.
LACKING: Mapping[str, Mapping[str, str]] = {
    "landlock": {
        "image": "its root is the host's",
        "root": "it has one id of the host's, without privileges",
        "software": "nothing can be made to appear at /opt/agentos",
        "name": "its host name is the host's",
        "mounts": "its view of files is the host's",
        "mount": "its view of files is the host's",
        "unmount": "its view of files is the host's",
        "network": "its network would be the host's, and Landlock knows no host names",
        "disk": "its files lie on the host's disk, which has no quota for them",
        "snapshot": "it has no layers",
        "fork": "it has no layers",
        "diff": "it has no layers",
        "ready_agent": "an agent needs its software at /opt/agentos, and a way to its model",
        "create_session": "an agent needs its software at /opt/agentos, and a way to its model",
    },
}


def lacking(isolation: str, what: str) -> IsolationUnavailable:
    """Make the error about something that a kind of machine does not offer."""
    why = LACKING.get(isolation, {}).get(what)
    return IsolationUnavailable(
        f"a machine of isolation {isolation!r} has no {what}" + (f": {why}" if why else ""),
        code="not_in_this_isolation",
        hint='isolation="namespace" has it',
    )


def require(isolation: str, *wanted: str) -> None:
    """Refuse what a kind of machine does not offer.

    Raises:
        IsolationUnavailable: One of these is lacking.
    """
    for what in wanted:
        if what in LACKING.get(isolation, {}):
            raise lacking(isolation, what)
