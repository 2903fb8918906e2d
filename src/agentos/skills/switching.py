"""Switch a skill, or a group of them, on or off in `agentos.toml`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from agentos.errors import ConfigInvalid
from agentos.skills.settings import GROUP, TABLE
from agentos.skills.skill import Skill
from agentos.skills.support import KEYS


def switch(
    settings: Path,
    skills: Iterable[Skill],
    name: str,
    *,
    on: bool,
    client: str | None = None,
    group: bool = False,
) -> None:
    """Have clients get a skill, or not; comments of the file stay.

    Args:
        settings: `agentos.toml`.
        skills: All that there are.
        name: The skill, or the group.
        on: Whether they get it.
        client: For this client alone; every client by default.
        group: Whether a group is named.

    Raises:
        ConfigInvalid: There is no such skill, group or client, or the skill's front matter leaves
            the client out.
        SyncConflict: Somebody else changed the file at the same time; nothing was changed.
    """
    from agentos.settings.editing import set_values

    named = {skill.name: skill for skill in skills}
    groups = {each for skill in named.values() for each in skill.groups}
    known = groups if group else set(named)
    if name not in known:
        raise unknown(name, known, "group" if group else "skill")
    if client is not None and client not in KEYS:
        raise unknown(client, KEYS, "client")
    clients = None if group else named[name].clients
    if on and client and clients is not None and client not in clients:
        raise ConfigInvalid(
            f"{name} is for {', '.join(sorted(clients))} alone", hint="its front matter says so"
        )
    key = GROUP + name if group else name
    place = (TABLE, "clients", client, key) if client else (TABLE, "enabled", key)
    set_values(settings, {place: on})


def unknown(name: str, known: Iterable[str], what: str) -> ConfigInvalid:
    """Return the error that there is no skill, group or client of a name."""
    from agentos.settings.mistakes import nearest

    return ConfigInvalid(
        f"there is no {what} {name!r}", code=f"{what}_unknown", hint=nearest(name, known)
    )
