"""What is there now: the home's memories, what clients wrote, and the inbox."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from agentos.errors import ConfigInvalid
from agentos.hub.errors import Refused
from agentos.hub.hub import Hub
from agentos.memories.clients import written_by_clients
from agentos.memories.inbox import Inbox
from agentos.memories.reading import load_memories
from agentos.memories.side_by_side import Copy, same, side_by_side


@dataclass(frozen=True)
class Shelf:
    """What every client knows.

    Attributes:
        copies: The home's memories, and what clients wrote.
        unreadable: What could not be read, a sentence each.
    """

    copies: tuple[Copy, ...]
    unreadable: tuple[str, ...]

    @cached_property
    def same(self) -> dict[str, tuple[str, ...]]:
        """The keys of each one's copies."""
        return same(self.copies)

    @cached_property
    def _by_key(self) -> dict[str, Copy]:
        return {copy.key: copy for copy in self.copies}

    def find(self, key: str) -> Copy:
        """Return a copy.

        Raises:
            Refused: It is not there, or not any more.
        """
        found = self._by_key.get(key)
        if found is None:
            raise Refused(
                404,
                "memory_unknown",
                "this memory is not there any more",
                hint="its client wrote its file anew: look at the list again",
            )
        return found


def shelf(hub: Hub) -> Shelf:
    """Read everything; a home that cannot be read is told of, and the clients' files are."""
    projects = projects_of(hub)
    entries, unreadable = written_by_clients(projects=projects.values())
    try:
        memories = load_memories(hub.home)
    except ConfigInvalid as error:
        memories = ()
        unreadable = (f"{error.message}: none of the AgentOS home is shown", *unreadable)
    return Shelf(side_by_side(hub.home, memories, entries, projects), unreadable)


def inbox_of(hub: Hub) -> Inbox:
    """Return the hub's inbox."""
    return Inbox(hub.home, hub.state, projects_of(hub))


def projects_of(hub: Hub) -> dict[str, Path]:
    """Return the directories of the projects, by name."""
    return {project.name: project.path for project in hub.settings.projects}


def require_version(said: str | None, version: str) -> None:
    """Let nobody decide on what they did not read.

    Args:
        said: The `If-Match` of the request.
        version: What it is to be.

    Raises:
        Refused: It is missing, or of something else.
    """
    if said is None:
        raise Refused(
            428, "if_match_missing", "say what was read", hint="If-Match: the `version` of it"
        )
    if version not in [each.strip().strip('"') for each in said.split(",")]:
        raise Refused(
            409, "memory_changed", "it was changed since it was read", hint="look at it again"
        )
