"""The sync of this computer: its clients, its home, and what is remembered of it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from agentos.config import home_dir, state_dir
from agentos.sync.run import Sync
from agentos.sync.store import Store

if TYPE_CHECKING:
    from agentos.sync.client import Client, Places
    from agentos.sync.deployment import Deployment


@dataclass(frozen=True)
class Workstation:
    """Where the source, the clients and sync's own files are.

    Attributes:
        home: The AgentOS home.
        state: The state directory.
        env: Says where clients keep their files.
    """

    home: Path
    state: Path
    env: Mapping[str, str]

    @classmethod
    def current(cls) -> Workstation:
        """Return the user's own."""
        return cls(home_dir(), state_dir(), os.environ)

    @property
    def sync(self) -> Sync:
        """The engine, with what it remembers."""
        return Sync(Store(self.state / "sync"))

    def deployed(self, clients: Iterable[str] | None = None) -> list[Deployment]:
        """Work out what clients are to have.

        Args:
            clients: Their names; by default those that `agentos.toml` names.

        Raises:
            SyncError: There is no client of a name.
            ConfigInvalid: A file of the AgentOS home is wrong.
        """
        from agentos.sync.deployment import deployments

        return deployments(self.home, clients, versions=self._versions, env=self.env)

    def places(self, client: str) -> tuple[Client, Places]:
        """Find a client, and where its files are.

        Raises:
            SyncError: There is no client of that name.
        """
        from agentos.sync.deployment import places_of

        return places_of(self.home, client, versions=self._versions, env=self.env)

    @property
    def _versions(self) -> Path:
        return self.state / "sync" / "versions.json"
