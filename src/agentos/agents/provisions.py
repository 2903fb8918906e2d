"""Files that an agent is given in its machine: what they are, not how they get there."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from agentos.errors import ConfigInvalid
from agentos.machine.patch import Entry

_MARKS = re.compile(r"<!-- (?:BEGIN|END) AgentOS: ")


@dataclass(frozen=True)
class Section:
    """A marked part of a text file of the user's.

    Args:
        path: The file.
        name: Which part; another one of this name is replaced.
        text: What it says.

    Raises:
        ConfigInvalid: The text has marks in it.
    """

    path: str
    name: str
    text: str

    def __post_init__(self) -> None:
        if _MARKS.search(self.text):
            raise ConfigInvalid(f"the {self.name} for {self.path} have AgentOS's own marks in them")


@dataclass(frozen=True)
class Provisions:
    """What is written into a machine before an agent's session is made.

    Args:
        root: The directory of the agent.
        files: Files and links by their paths below it.
        whole: Directories below it from which goes what earlier provisions left there.
        sections: Marked parts of text files.
    """

    root: str
    files: Mapping[str, Entry] = field(default_factory=dict)
    whole: Sequence[str] = ()
    sections: Sequence[Section] = ()
