"""What a client is to sync: where its files are, and what is to stand in them.

Each client is one module in `sync/clients/`, and one entry of `sync.clients.CLIENTS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from agentos.sync.desired import Desired
from agentos.sync.source import Source


@dataclass(frozen=True)
class Places:
    """Where a client keeps its files.

    Attributes:
        user_home: The user's home directory.
        directory: The client's own: `~/.codex`, or what its variable names.
        version: Of the installed client, as `0.169.0`; None if there is none or it does not say.
    """

    user_home: Path
    directory: Path
    version: str | None = None


@dataclass(frozen=True)
class Collected:
    """What `pull` brings into `clients/NAME/` of the AgentOS home, beside the managed block.

    Attributes:
        trees: Where it goes, relative to there, and the file or directory that it comes from:
            `{"memory": ~/.codex/memories}`. What is not there is not brought.
        without: Names that are left out, at any depth: `.system`, `.git`.
    """

    trees: Mapping[str, Path] = field(default_factory=dict)
    without: frozenset[str] = frozenset()


class Client(Protocol):
    """A coding agent or editor that sync deploys to."""

    @property
    def name(self) -> str:
        """As people type it: `codex`."""
        ...

    @property
    def program(self) -> str | None:
        """The command whose version decides what is deployed; None if none does."""
        ...

    def places(self, env: Mapping[str, str]) -> Places:
        """Find its files by the environment; nothing is read or started.

        Args:
            env: `HOME`, and the client's own variables such as `CODEX_HOME`.
        """
        ...

    def probe(self, program: Path) -> str | None:
        """Ask the installed client its version; the answer is kept while the file is the same.

        Args:
            program: Where the command was found.
        """
        ...

    def skills(self, places: Places) -> Path:
        """Return where it reads the skills of a user."""
        ...

    def desired(self, source: Source, places: Places) -> Desired:
        """Work out what is to stand in its files; nothing is read."""
        ...

    def collect(self, places: Places) -> Collected:
        """Say what `pull` brings."""
        ...
